"""What `voicehub doctor` finds: one line each, whether it is well, and what to do if it is not."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from voicehub.errors import VoiceHubError


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, and something about it will hurt some day."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """No secret is in it: `what` and `advice` are our own words, names and numbers."""

    subject: str
    state: State
    what: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def ok(subject: str, what: str) -> Finding:
    return Finding(subject, State.OK, what)


def warning(subject: str, what: str, advice: str) -> Finding:
    return Finding(subject, State.WARNING, what, advice)


def failed(subject: str, what: str, advice: str) -> Finding:
    return Finding(subject, State.FAILED, what, advice)


# Looks at one thing that the server needs, within a time of its own.
Check = Callable[[], Awaitable[list[Finding]]]


async def looked_at(subject: str, check: Check) -> list[Finding]:
    """What `check` finds; that it fails itself is a finding too."""
    try:
        return await check()
    except VoiceHubError as error:
        return [failed(subject, error.message, "See the line; the settings name it.")]
    except Exception as error:  # noqa: BLE001  # one broken thing must not hide the others
        # Without its message, which may hold an address with a password.
        return [failed(subject, f"the check broke: {type(error).__name__}", "Tell who runs this.")]


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing failed; warnings are no failure."""
    return all(finding.state is not State.FAILED for finding in findings)


def clock(subject: str, difference_s: float) -> Finding:
    """How far a store's clock is from ours: leases, tokens and signatures compare the two."""
    what = f"its clock is {abs(difference_s):.1f} s {'ahead' if difference_s > 0 else 'behind'}"
    advice = "Run NTP on both machines."
    if abs(difference_s) >= CLOCK_FAILED_S:
        return failed(subject, what, advice)
    if abs(difference_s) >= CLOCK_WARNING_S:
        return warning(subject, what, advice)
    return ok(subject, "its clock agrees with ours")


# Half a second is the network; a token's leeway is ten, S3 refuses what is off by fifteen minutes.
CLOCK_WARNING_S = 2.0
CLOCK_FAILED_S = 10.0
