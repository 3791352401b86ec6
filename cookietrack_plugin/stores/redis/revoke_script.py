"""The script that deletes the records of a user, and raises the fence of a revocation."""

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.redis.feed import user_fields
from cookietrack_plugin.stores.redis.keys import Partition, digest_of
from cookietrack_plugin.stores.redis.rounds import Command
from cookietrack_plugin.stores.redis.script import Script
from cookietrack_plugin.stores.redis.swap import MAX_REVOCATIONS

# KEYS: expiry, revoked, fences, fenced, realms, one that is never there, the indexes of the user,
# and the records of the members in their order.
# ARGV: `all` to do nothing unless the members are all that the indexes have, or `some`; how many
# realms there are then, or `any`; the position of the pending fence, or nothing; how many
# revocations are kept; the fence's field and its ids; the numbers of indexes and of the members of
# each; the members; the fields and values of the entry, none for no fence.
# Returns 0 where the indexes had others than the members, and otherwise how many records were
# deleted, and the position of the fence.
# A member of an index counts if its score is that of the record. Otherwise the record is gone: the
# server expires records by itself, and leaves the member behind.
# Trimming is the first write that the fence needs: it needs no memory, and where the first write of
# a script needs none, a full server accepts the others.
REVOKE = Script("""
local whole, realms, pending, kept = ARGV[1] == 'all', ARGV[2], ARGV[3], ARGV[4]
local name, keep, indexes = ARGV[5], ARGV[6], tonumber(ARGV[7])
local before_members = 7 + indexes
local kept_ids = {}
for id in string.gmatch(keep, '[^,]+') do kept_ids[id] = true end

local function each_member(call)
  local number = 0
  for index = 1, indexes do
    for _ = 1, tonumber(ARGV[7 + index]) do
      number = number + 1
      call(KEYS[6 + index], ARGV[before_members + number], KEYS[6 + indexes + number])
    end
  end
end

local function milliseconds(position) return string.match(position, '^%d+') end

local function drop_stale_fences()
  local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
  local before = '(' .. milliseconds(oldest[1])
  local stale = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', before, 'LIMIT', 0, 1000)
  if not stale[1] then return end
  redis.call('HDEL', KEYS[3], unpack(stale))
  redis.call('ZREM', KEYS[4], unpack(stale))
end

local function raise_fence(position)
  local kept_from = ''
  local old = redis.call('HGET', KEYS[3], name)
  if old then
    local raised, before = string.match(old, '^(%S+) (%S*) ')
    kept_from = raised == pending and before or raised
  end
  local fence = position .. ' ' .. kept_from .. ' ' .. keep
  redis.call('HSET', KEYS[3], name, fence, 'last', position)
  redis.call('ZADD', KEYS[4], milliseconds(position), name)
end

if whole then
  if realms ~= 'any' and redis.call('SCARD', KEYS[5]) ~= tonumber(realms) then return 0 end
  for index = 1, indexes do
    if redis.call('ZCARD', KEYS[6 + index]) ~= tonumber(ARGV[7 + index]) then return 0 end
  end
  local foreign = false
  each_member(function(index, id)
    foreign = foreign or not redis.call('ZSCORE', index, id)
  end)
  if foreign then return 0 end
end

local deleted = 0
each_member(function(index, id, record)
  local score = not kept_ids[id] and redis.call('ZSCORE', index, id)
  if not score then return end
  if score == redis.call('ZSCORE', KEYS[1], id) then
    redis.call('ZREM', KEYS[1], id)
    deleted = deleted + redis.call('DEL', record)
  end
  redis.call('ZREM', index, id)
end)

local fields = before_members + #KEYS - 6 - indexes + 1
if #ARGV < fields then return {deleted, ''} end
redis.call('XTRIM', KEYS[2], 'MAXLEN', '~', kept)
local position = redis.call('XADD', KEYS[2], '*', unpack(ARGV, fields))
drop_stale_fences()
raise_fence(position)
return {deleted, position}
""")


@frozen
class Revocation:
    """
    A step of the revocation of `user` in a partition: some deletions, then an entry of the stream
    that raises the user's fence.

    `members`: the ids to delete, unless they are kept, by the index that has them. `realms`: do
    nothing unless these are all members of the indexes, and there are so many realms; None for any
    number. `entry`: what the entry says, nothing for none. `pending`: the position of the fence
    that was raised before the first deletion.
    """

    partition: Partition
    user: UserRevoked
    members: Mapping[str, Sequence[str]] = field(factory=dict)
    whole: bool = False
    realms: int | None = None
    entry: Sequence[str | bytes] = ()
    pending: str | bytes = ""

    def arguments(self) -> Command:
        """What the script gets."""
        own = self.partition
        ids = [id for each in self.members.values() for id in each]
        keys = [own.expiry, own.revoked, own.fences, own.fenced, own.realms, own.nothing]
        keys += self.members
        keys += (own.cookie(id) for id in ids)
        return (
            len(keys),
            *keys,
            "all" if self.whole else "some",
            "any" if self.realms is None else self.realms,
            self.pending,
            MAX_REVOCATIONS,
            digest_of(self.user.authid, self.user.authrealm),
            ",".join(sorted(self.user.keep)),
            len(self.members),
            *(len(each) for each in self.members.values()),
            *ids,
            *self.entry,
        )


def beginning(partition: Partition, user: UserRevoked) -> Revocation:
    """Raise the fence before the first deletion: readers of the feed pass over its entry."""
    return Revocation(partition, user, entry=("fence", ""))


def end(partition: Partition, user: UserRevoked, pending: bytes) -> Revocation:
    """Raise the fence to where readers of the feed learn that the user's records are gone."""
    return Revocation(partition, user, entry=user_fields(user), pending=pending)
