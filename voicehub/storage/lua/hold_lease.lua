-- Take or renew the lease of a session. A newer owner's token refuses it.
-- KEYS: lease, fence, wish.  ARGV: fencing token, owner, lease ms, fence ms.
-- Returns {whether the fence was known here, what somebody wished of the owner or ''}.
local fence = redis.call('GET', KEYS[2])
if tonumber(fence or '0') > tonumber(ARGV[1]) then
  return redis.error_reply('FENCED')
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
local wish = redis.call('GET', KEYS[3]) or ''
redis.call('DEL', KEYS[3])
return {fence and 1 or 0, wish}
