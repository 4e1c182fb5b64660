-- Take or renew the lease of a session. A newer owner's token refuses it.
-- KEYS: lease, fence.  ARGV: fencing token, owner, lease ms, fence ms.  Returns 1.
local fence = tonumber(redis.call('GET', KEYS[2]) or '0')
if fence > tonumber(ARGV[1]) then
  return redis.error_reply('FENCED')
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 1
