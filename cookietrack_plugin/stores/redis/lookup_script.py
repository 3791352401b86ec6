"""The script that reads records, of a server that would take writes."""

from cookietrack_plugin.stores.redis.script import Script

# KEYS: one that is never there, and the records. Returns their values.
# A server that has become a replica, or that has lost the replicas that it needs to take writes
# (`min-replicas-to-write`), may not know of the last logouts. It answers a write with an error,
# also where that would have nothing to do; a full server does not. Nobody needs a right for it that
# is not needed anyway, as for ROLE.
LOOK_UP = Script("""
redis.call('DEL', KEYS[1])
local values = {}
for first = 2, #KEYS, 1000 do
  local some = redis.call('MGET', unpack(KEYS, first, math.min(first + 999, #KEYS)))
  for _, value in ipairs(some) do table.insert(values, value) end
end
return values
""")
