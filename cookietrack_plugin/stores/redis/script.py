"""
The one script that writes records: compare and swap, for as many as one likes.

A script is no transaction: what it has done when it fails stays done. So everything is compared
before anything is written, and what wants memory comes before what wants none: whether there is
memory the server decides once, when the script begins.
"""

from hashlib import sha1

# What an item expects in the place of its record, beside the SHA-1 of a value.
ABSENT = "absent"
WHATEVER = "whatever"

# KEYS: expiry, revoked, the records of the items in their order, and the indexes that they name.
# ARGV: now, for how long the server keeps what has expired, how many revocations are kept, and the
# number of items; for each item its id, what it expects, the new value or nothing to delete it,
# when it expires, and the numbers in KEYS of the indexes that it leaves and joins, or 0; then the
# ids that are revoked.
# Returns 0 where a record was not as expected, and otherwise for each item 1 or 0: a deletion whose
# id was there; a new value, but not the one of an item that expects whatever, where there was one.
SOURCE = """
local now, grace, kept, count = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local results = {}

local function keep(key, expires)
  local gone = math.max(tonumber(expires), tonumber(now)) + tonumber(grace)
  redis.call('PEXPIREAT', key, string.format('%.0f', gone))
end

local function join(index, id, expires)
  redis.call('ZADD', index, expires, id)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', tonumber(now) - tonumber(grace))
  local last = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')
  if last[2] then keep(index, last[2]) end
end

local function store(item, record, id, expected, value, expires, leaves, joins)
  if value == '' then
    redis.call('DEL', record)
    results[item] = redis.call('ZREM', KEYS[1], id)
  elseif expected == 'whatever' and redis.call('EXISTS', record) == 1 then
    results[item] = 0
    return
  else
    redis.call('SET', record, value)
    keep(record, expires)
    redis.call('ZADD', KEYS[1], expires, id)
    results[item] = 1
  end
  if leaves ~= '0' then redis.call('ZREM', KEYS[tonumber(leaves)], id) end
  if joins ~= '0' then join(KEYS[tonumber(joins)], id, expires) end
end

for item = 1, count do
  local expected = ARGV[6 * item]
  if expected ~= 'whatever' then
    local value = redis.call('GET', KEYS[2 + item])
    if expected ~= (value and redis.sha1hex(value) or 'absent') then return 0 end
  end
end
for revoked = 6 * count + 5, #ARGV do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', kept, '*', 'id', ARGV[revoked])
end
for item = 1, count do
  store(item, KEYS[2 + item], unpack(ARGV, 6 * item - 1, 6 * item + 4))
end
return results
"""

SHA = sha1(SOURCE.encode(), usedforsecurity=False).hexdigest()
