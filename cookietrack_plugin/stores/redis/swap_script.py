"""The script that writes records: compare and swap, for any number of them."""

from cookietrack_plugin.stores.redis.script import Script

# Instead of the SHA-1 of a value: an item expects that it has no record.
ABSENT = "absent"
# What an item expects that does not matter to it, and a swap of the last fence.
ANY = "any"

# KEYS: expiry, revoked, fences, realms, one that is never there, the records of the items in their
# order, and the indexes that they name.
# ARGV: for how long the server keeps what has expired, how many revocations are kept, the last
# fence that is expected, the numbers of items, of realms and of known entries; for each item its
# id, what it expects, the new value or nothing to delete it, when it expires, and the numbers in
# KEYS of the indexes that it leaves and joins, or 0; then the realms of records that join an index;
# then the entries of the stream that are known, each its position and its fields' values; then the
# ids that are revoked.
# Returns 0 where a record or the last fence was not as expected, the stream lacks one of the known
# entries, or a fence was raised since. Otherwise for each item 1 or 0: a
# deletion whose id was there, as a record or in the index; a new value, but not the one of an item
# that expects any, where there was one.
# A full server refuses a script whose first write needs memory, not one whose first write frees
# some. So new values come first: a batch with a login is refused. Deletions come before their
# entries in the feed: a batch of deletions alone succeeds.
# The time is the server's: a node with a wrong clock must not drop members from indexes.
SWAP = Script(r"""
local grace, kept, fence = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local items, realms, known = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local behind = 6 * items + 6
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local results = {}

local function keep(key, expires)
  local gone = math.max(tonumber(expires), now) + grace
  redis.call('PEXPIREAT', key, string.format('%.0f', gone))
end

local function join(index, id, expires)
  redis.call('ZADD', index, expires, id)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', now - grace)
  local last = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')
  if last[2] then keep(index, last[2]) end
end

local function leave(index, id)
  if index ~= '0' then redis.call('ZREM', KEYS[tonumber(index)], id) end
end

local function delete(item, record, id, leaves)
  results[item] = math.max(redis.call('DEL', record), redis.call('ZREM', KEYS[1], id))
  leave(leaves, id)
end

local function store(item, record, id, expected, value, expires, leaves, joins)
  if expected == 'any' and redis.call('EXISTS', record) == 1 then
    results[item] = 0
    return
  end
  redis.call('SET', record, value)
  keep(record, expires)
  redis.call('ZADD', KEYS[1], expires, id)
  results[item] = 1
  leave(leaves, id)
  if joins ~= '0' then join(KEYS[tonumber(joins)], id, expires) end
end

local function is_before(position, other)
  local time, number = string.match(position, '(%d+)-(%d+)')
  local other_time, other_number = string.match(other, '(%d+)-(%d+)')
  time, other_time = tonumber(time), tonumber(other_time)
  return time < other_time or time == other_time and tonumber(number) < tonumber(other_number)
end

local function is_there(position, told)
  local entry = redis.call('XRANGE', KEYS[2], position, position)[1]
  if not entry then return false end
  local values = {}
  for field = 2, #entry[2], 2 do table.insert(values, entry[2][field]) end
  return table.concat(values, '\0') == told
end

local last = (fence ~= 'any' or known > 0) and redis.call('HGET', KEYS[3], 'last') or ''
if fence ~= 'any' and fence ~= last then return 0 end
for entry = behind + realms + 1, behind + realms + 2 * known, 2 do
  local position = ARGV[entry]
  if last ~= '' and is_before(position, last) then return 0 end
  if not is_there(position, ARGV[entry + 1]) then return 0 end
end
for item = 1, items do
  local expected = ARGV[6 * item + 2]
  if expected ~= 'any' then
    local value = redis.call('GET', KEYS[5 + item])
    if expected ~= (value and redis.sha1hex(value) or 'absent') then return 0 end
  end
end
local deletions = {}
for item = 1, items do
  if ARGV[6 * item + 3] == '' then
    table.insert(deletions, item)
  else
    store(item, KEYS[5 + item], unpack(ARGV, 6 * item + 1, 6 * item + 6))
  end
end
for _, item in ipairs(deletions) do
  delete(item, KEYS[5 + item], ARGV[6 * item + 1], ARGV[6 * item + 5])
end
for revoked = behind + realms + 2 * known + 1, #ARGV do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', kept, '*', 'id', ARGV[revoked])
end
if realms > 0 then redis.call('SADD', KEYS[4], unpack(ARGV, behind + 1, behind + realms)) end
return results
""")
