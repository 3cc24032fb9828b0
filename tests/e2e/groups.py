"""What the filter must have counted for groups, from messages as Kafka's own classes read them.

All protocols: classic groups, KIP-848 (consumer), KIP-932 (share), KIP-1071 (streams). Which fields name a group is
told by the entity type `groupId` of Kafka's message definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from oracle import Json

NOTHING = "__none__"

# Heartbeats of protocols in which the coordinator hands out epochs.
HEARTBEATS = ("ConsumerGroupHeartbeat", "ShareGroupHeartbeat", "StreamsGroupHeartbeat")


def count(add: Callable[..., None], name: str, request: Json, response: Json | None) -> None:
    """Adds what one exchange means to the metrics of groups; `add` takes metric, value and label values."""
    asked = named(request["data"])
    for group in asked:
        add("group_requests_total", 1, name, group or NOTHING)
    if not asked or response is None:
        return
    data, group = response["data"], asked[0] or NOTHING
    for code, owner in _errors(data, group):
        add("group_errors_total", 1, name, response["errorNames"][str(code)], owner)
    if name == "JoinGroup" and data["errorCode"] == 0:
        add("group_join_duration_microseconds_count", 1, group)
        if data["leader"] == data["memberId"]:
            add("group_rebalances_total", 1, group)
    if name in HEARTBEATS and data["errorCode"] == 0 and data["memberEpoch"] > request["data"]["memberEpoch"]:
        add("group_rebalances_total", 1, group)


def named(data: Json) -> list[str]:
    """The groups that a request names, in its order."""
    if "groupId" in data:
        return [data["groupId"]]
    found = [group for key in ("groupsNames", "groupIds") for group in data.get(key, [])]
    return found + [group if isinstance(group, str) else group["groupId"] for group in data.get("groups", [])]


def _errors(node: object, group: str) -> Iterator[tuple[int, str]]:
    """The error codes other than 0, each with the group of the entry that it stands in, else the request's."""
    if isinstance(node, list):
        for element in node:
            yield from _errors(element, group)
    elif isinstance(node, dict):
        group = node.get("groupId") or group
        for key, value in node.items():
            if key.lower().endswith("errorcode") and value != 0:
                yield value, group
            yield from _errors(value, group)
