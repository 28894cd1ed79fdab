#!lua name=sse_chat
-- The history of all rooms, in Redis or Valkey. Each function is one atomic step: it
-- assigns seqs and numbers, finds repeated requests, and keeps history within its bounds.
--
-- All keys begin with the namespace in braces, so that they are in one slot of a cluster:
--
--   {ns}:state           hash: format, epoch, seq, replid, dropped (the seq that the last
--                        tombstone that was dropped has used), presence (the number of the
--                        newest item of presence)
--   {ns}:epochs          list: "<epoch> <end>" of each generation that has ended
--   {ns}:log             stream: the last entries of all rooms, to carry them to the nodes
--   {ns}:used            sorted set: room -> when it was last used, in milliseconds
--   {ns}:forgotten       sorted set: room -> when it was forgotten, in milliseconds
--   {ns}:room:<room>     hash: number, counted (the place of the next entry), bytes,
--                        evicted (the seq of the newest evicted entry), late (1 if the
--                        room may have had entries before its number 1), banned (when the
--                        last ban ends). Only the place and evicted are left of a
--                        forgotten room: its tombstone
--   {ns}:history:<room>  stream: the entries of the room
--   {ns}:clients:<room>  hash: client id -> "<seq> <request hash>", of held entries
--   {ns}:changes:<room>  hash: seq of a message or event -> seq of its latest change
--   {ns}:bans:<room>     hash: author -> "<end> <content>"; the end in milliseconds
--   {ns}:presence        stream: the last changes of members. Its ids count from 1-0: n is the
--                        node; either r a room, with any number of j and l, the names that
--                        join and leave it there, or nothing more: all leave
--   {ns}:leases          sorted set: node -> when its lease ends, in milliseconds
--   {ns}:left            set: nodes without a lease of which members are still stored
--   {ns}:rooms:<node>    set: rooms with members at the node
--   {ns}:nodes:<room>    set: nodes at which the room has members
--   {ns}:members:<node>:<room>
--                        set: their names
--
-- An entry with seq 7 has the stream id 7-0. Fields of an entry: k (kind: m, e, c or d for
-- a message, an event, a change, a deletion), n and c (its place: number and counted), t
-- (when it was assigned, in milliseconds since 1970), d (the content, which only nodes
-- read), and if there is one: i (client id), o (the seq of the message or event that a
-- change is of), p (the seq of the change that it replaces). In the log also r (room).
--
-- In the log, the kind x has no content: the tombstone of the room was dropped. An item
-- 7-1, 7-2, … of the log uses no seq. Its kind is g if generation e begins after seq 7, f if
-- the room is forgotten, b if its author a is banned (d is the content), u if the ban of
-- author a is lifted.

local FORMAT = '1'
-- Generations that are remembered after their end.
local MAX_ENDED = 1000
-- Items of presence that are kept.
local MAX_PRESENCE = 10000
-- Leases that are ended in one call, and rooms of their nodes that are removed.
local MAX_ENDED_LEASES = 10
local MAX_REMOVED_ROOMS = 500
-- What an entry counts beside its content.
local ENTRY_BYTES = 100
local BASE_36 = '0123456789abcdefghijklmnopqrstuvwxyz'
local TIME_CHARS = 8

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function base36(number)
  local digits = {}
  for place = TIME_CHARS, 1, -1 do
    local digit = number % 36
    digits[place] = BASE_36:sub(digit + 1, digit + 1)
    number = (number - digit) / 36
  end
  return table.concat(digits)
end

-- An epoch that is later as text than `last`, even if the clock went back. `random` is
-- four characters, which tell two stores of the same millisecond apart.
local function next_epoch(last, random)
  local time = base36(now())
  if last and time <= last:sub(1, TIME_CHARS) then
    time = base36(tonumber(last:sub(1, TIME_CHARS), 36) + 1)
  end
  return time .. random
end

-- Redis draws another one at each start and promotion: whenever writes may be lost.
local function replication_id()
  return redis.call('INFO', 'replication'):match('master_replid:(%x+)')
end

-- The prefix of all keys. The one key that is passed is that of the state.
local function prefix_of(keys)
  return keys[1]:sub(1, -#'state' - 1)
end

-- Adds an item without a seq to the log.
local function announce(prefix, seq, ...)
  redis.call('XADD', prefix .. 'log', seq .. '-*', ...)
end

local function begin_store(keys, replid, random)
  local epoch = next_epoch(nil, random)
  redis.call('HSET', keys[1], 'format', FORMAT, 'epoch', epoch, 'seq', 0, 'replid', replid)
  return { epoch = epoch, seq = 0 }
end

-- Ends the present generation at the newest seq that is left.
local function begin_generation(keys, state, replid, random)
  local prefix = prefix_of(keys)
  local epoch = next_epoch(state.epoch, random)
  redis.call('RPUSH', prefix .. 'epochs', state.epoch .. ' ' .. state.seq)
  redis.call('LTRIM', prefix .. 'epochs', -MAX_ENDED, -1)
  redis.call('HSET', keys[1], 'epoch', epoch, 'replid', replid)
  announce(prefix, state.seq, 'k', 'g', 'e', epoch)
  return { epoch = epoch, seq = state.seq }
end

-- The state of the store. A new one begins if there is none, and a new generation if
-- writes may be lost since the last call.
local function open(keys, random)
  local fields = redis.call('HMGET', keys[1], 'format', 'epoch', 'seq', 'replid')
  local replid = replication_id()
  if not fields[2] then
    return begin_store(keys, replid, random)
  end
  if fields[1] ~= FORMAT then
    return nil, redis.error_reply('FORMAT ' .. tostring(fields[1]))
  end
  local state = { epoch = fields[2], seq = tonumber(fields[3]) }
  if fields[4] ~= replid then
    return begin_generation(keys, state, replid, random)
  end
  return state
end

-- As `open`, for a node that knows this epoch as the present one. Another is refused: the
-- node has to learn first what is lost.
local function open_as(keys, epoch, random)
  local state, refusal = open(keys, random)
  if state and state.epoch ~= epoch then
    return nil, { 'EPOCH', state.epoch }
  end
  return state, refusal
end

-- A table of the fields of a stream entry.
local function fields_of(entry)
  local fields = {}
  for index = 1, #entry[2], 2 do
    fields[entry[2][index]] = entry[2][index + 1]
  end
  return fields
end

local function seq_of(entry)
  return entry[1]:match('^%d+')
end

local function cost_of(fields)
  return #fields.d + ENTRY_BYTES
end

-- The keys of a room.
local function room_keys(prefix, room)
  return {
    state = prefix .. 'room:' .. room,
    history = prefix .. 'history:' .. room,
    clients = prefix .. 'clients:' .. room,
    changes = prefix .. 'changes:' .. room,
    bans = prefix .. 'bans:' .. room,
  }
end

-- The place of the room's next entry, and what is before it. A room without a state may
-- have been one whose tombstone was dropped.
local function place_of(keys, room)
  local fields = redis.call('HMGET', room.state, 'number', 'counted', 'bytes', 'evicted', 'late')
  local place = {
    number = tonumber(fields[1] or 1),
    counted = tonumber(fields[2] or 0),
    bytes = tonumber(fields[3] or 0),
    evicted = tonumber(fields[4] or 0),
    late = fields[5] == '1',
    is_new = not fields[1],
  }
  if place.is_new then
    place.evicted = tonumber(redis.call('HGET', keys[1], 'dropped') or 0)
    place.late = place.evicted > 0
  end
  return place
end

-- Records that the room is used: it is not forgotten for a while, or not any more.
local function use(prefix, name, time)
  if redis.call('ZADD', prefix .. 'used', time, name) == 1 then
    redis.call('ZREM', prefix .. 'forgotten', name)
  end
end

-- The entry with this seq, as a table of its fields. `nil` if the room does not hold it.
local function get(room, seq)
  local id = seq .. '-0'
  local entry = redis.call('XRANGE', room.history, id, id)[1]
  return entry and fields_of(entry)
end

-- What the indexes have of an entry that was evicted. Its client id is free again: that
-- of a deletion is the one of what it deleted.
local function forget(room, seq, fields)
  if fields.o and redis.call('HGET', room.changes, fields.o) == seq then
    redis.call('HDEL', room.changes, fields.o)
  end
  if fields.i then
    local known = redis.call('HGET', room.clients, fields.i)
    if known and known:match('^%d+') == (fields.o or seq) then
      redis.call('HDEL', room.clients, fields.i)
    end
  end
end

-- Evicts the oldest entries down to the bounds. Returns the bytes that are left.
local function evict(room, bytes, bounds)
  local count = redis.call('XLEN', room.history)
  local evicted
  while count > bounds.entries or (bytes > bounds.bytes and count > 0) do
    local entry = redis.call('XRANGE', room.history, '-', '+', 'COUNT', 1)[1]
    local fields = fields_of(entry)
    evicted = seq_of(entry)
    redis.call('XDEL', room.history, entry[1])
    forget(room, evicted, fields)
    bytes = bytes - cost_of(fields)
    count = count - 1
  end
  if evicted then
    redis.call('HSET', room.state, 'evicted', evicted)
  end
  return bytes
end

-- Adds an entry with the next seq to its room and to the log. `entry` has kind, content,
-- and maybe client_id, request (of a new client id), item, before (the change that it
-- replaces) and freed (bytes that were removed). Returns the answer to its node.
local function append(keys, state, name, entry, bounds)
  local prefix = prefix_of(keys)
  local room = room_keys(prefix, name)
  local place = place_of(keys, room)
  local number, counted = place.number, place.counted
  local seq = state.seq + 1
  local time = now()
  local id = seq .. '-0'
  local fields = { 'k', entry.kind, 'n', number, 'c', counted, 't', time, 'd', entry.content }
  if entry.client_id then
    fields[#fields + 1] = 'i'
    fields[#fields + 1] = entry.client_id
  end
  if entry.request then
    redis.call('HSET', room.clients, entry.client_id, seq .. ' ' .. entry.request)
  end
  if entry.item then
    fields[#fields + 1] = 'o'
    fields[#fields + 1] = entry.item
    redis.call('HSET', room.changes, entry.item, seq)
  end
  if entry.before then
    fields[#fields + 1] = 'p'
    fields[#fields + 1] = entry.before
  end
  redis.call('XADD', room.history, id, unpack(fields))
  fields[#fields + 1] = 'r'
  fields[#fields + 1] = name
  redis.call('XADD', prefix .. 'log', 'MAXLEN', '=', bounds.log, id, unpack(fields))
  redis.call('HSET', keys[1], 'seq', seq)
  if place.is_new and place.late then
    redis.call('HSET', room.state, 'evicted', place.evicted, 'late', 1)
  end
  local bytes = place.bytes - (entry.freed or 0) + #entry.content + ENTRY_BYTES
  bytes = evict(room, bytes, bounds)
  local after = entry.item and { number, counted }
    or { number + (entry.kind == 'm' and 1 or 0), counted + 1 }
  redis.call('HSET', room.state, 'number', after[1], 'counted', after[2], 'bytes', bytes)
  use(prefix, name, time)
  return { 'OK', seq, number, counted, time }
end

-- The bounds of history, from `args[first]` on.
local function bounds_of(args, first)
  return {
    entries = tonumber(args[first]),
    bytes = tonumber(args[first + 1]),
    log = tonumber(args[first + 2]),
  }
end

-- open(random): the epoch, the seq, each generation that has ended, and the number of the
-- newest item of presence.
local function call_open(keys, args)
  local state, refusal = open(keys, args[1])
  if not state then
    return refusal
  end
  local ended = redis.call('LRANGE', prefix_of(keys) .. 'epochs', 0, -1)
  local presence = tonumber(redis.call('HGET', keys[1], 'presence') or 0)
  return { 'OK', state.epoch, state.seq, ended, presence }
end

-- publish(epoch, random, room, kind, content, client id or '', request hash,
--   most entries of the room, most bytes of the room, most items of the log)
-- Answers OK seq number counted time, REPEATED seq, REUSED, or EPOCH epoch.
local function call_publish(keys, args)
  local state, refusal = open_as(keys, args[1], args[2])
  if not state then
    return refusal
  end
  local name, client_id, request = args[3], args[6], args[7]
  local entry = { kind = args[4], content = args[5] }
  if client_id ~= '' then
    local known = redis.call('HGET', prefix_of(keys) .. 'clients:' .. name, client_id)
    if known then
      local seq, first_request = known:match('^(%d+) (.*)$')
      if first_request ~= request then
        return { 'REUSED' }
      end
      -- A write: WAIT on this connection waits for the first request, too.
      use(prefix_of(keys), name, now())
      return { 'REPEATED', tonumber(seq) }
    end
    entry.client_id, entry.request = client_id, request
  end
  return append(keys, state, name, entry, bounds_of(args, 8))
end

-- Removes a message or event from history and from the log, which may also have earlier
-- changes of it: each names the one before.
local function erase(prefix, room, item, latest)
  redis.call('XDEL', room.history, item .. '-0')
  redis.call('XDEL', prefix .. 'log', item .. '-0')
  while latest do
    local id = latest .. '-0'
    local entry = redis.call('XRANGE', prefix .. 'log', id, id)[1]
    redis.call('XDEL', prefix .. 'log', id)
    latest = entry and fields_of(entry).p
  end
end

-- change(epoch, random, room, kind, content, item, latest change that the node knows of
--   the item or 0, most entries of the room, most bytes of the room, most items of the log)
-- Answers OK seq number counted time, CONFLICT seq-of-the-latest-change, GONE, or EPOCH
-- epoch. A deletion erases the item and its earlier changes.
local function call_change(keys, args)
  local state, refusal = open_as(keys, args[1], args[2])
  if not state then
    return refusal
  end
  local prefix, name, item = prefix_of(keys), args[3], args[6]
  local room = room_keys(prefix, name)
  local latest = redis.call('HGET', room.changes, item)
  if (latest or '0') ~= args[7] then
    return { 'CONFLICT', tonumber(latest or 0) }
  end
  local before, own = latest and get(room, latest), get(room, item)
  if not before and not own then
    return { 'GONE' }
  end
  local entry = { kind = args[4], content = args[5], item = item, freed = 0 }
  if before then
    redis.call('XDEL', room.history, latest .. '-0')
    entry.before, entry.freed = latest, cost_of(before)
  end
  if entry.kind == 'd' then
    -- A retry of the request that published it is still one.
    entry.client_id = own and own.i
    entry.before = nil
    erase(prefix, room, item, latest)
    entry.freed = entry.freed + (own and cost_of(own) or 0)
  end
  return append(keys, state, name, entry, bounds_of(args, 8))
end

-- load(epoch, random, room, most entries): the seq as of which this is, the place of the
-- room's next entry, the seq of its newest evicted entry, whether it is late, its newest
-- entries, the newest first, and its bans, each author followed by the end and the content.
-- Nothing is changed.
local function call_load(keys, args)
  local state, refusal = open_as(keys, args[1], args[2])
  if not state then
    return refusal
  end
  local room = room_keys(prefix_of(keys), args[3])
  local place = place_of(keys, room)
  local entries = redis.call('XREVRANGE', room.history, '+', '-', 'COUNT', args[4])
  return {
    'OK', state.seq, place.number, place.counted, place.evicted, place.late and 1 or 0, entries,
    redis.call('HGETALL', room.bans),
  }
end

-- Removes the bans that have ended.
local function drop_ended_bans(room, time)
  local bans = redis.call('HGETALL', room.bans)
  for index = 1, #bans, 2 do
    if tonumber(bans[index + 1]:match('^%d+')) <= time then
      redis.call('HDEL', room.bans, bans[index])
    end
  end
end

-- ban(epoch, random, room, author, end, content, most bans of the room)
-- Answers OK seq (of the entry before it), TOO_MANY, or EPOCH epoch.
local function call_ban(keys, args)
  local state, refusal = open_as(keys, args[1], args[2])
  if not state then
    return refusal
  end
  local prefix, name, author, until_time = prefix_of(keys), args[3], args[4], args[5]
  local room = room_keys(prefix, name)
  local is_known = redis.call('HEXISTS', room.bans, author) == 1
  if not is_known and redis.call('HLEN', room.bans) >= tonumber(args[7]) then
    drop_ended_bans(room, now())
    if redis.call('HLEN', room.bans) >= tonumber(args[7]) then
      return { 'TOO_MANY' }
    end
  end
  redis.call('HSET', room.bans, author, until_time .. ' ' .. args[6])
  local last = tonumber(redis.call('HGET', room.state, 'banned') or 0)
  redis.call('HSET', room.state, 'banned', math.max(last, tonumber(until_time)))
  use(prefix, name, now())
  announce(prefix, state.seq, 'k', 'b', 'r', name, 'a', author, 'd', until_time .. ' ' .. args[6])
  return { 'OK', state.seq }
end

-- lift(epoch, random, room, author...): lifts the bans of these authors.
-- Answers OK seq (of the entry before it), or EPOCH epoch.
local function call_lift(keys, args)
  local state, refusal = open_as(keys, args[1], args[2])
  if not state then
    return refusal
  end
  local prefix, name = prefix_of(keys), args[3]
  local room = room_keys(prefix, name)
  for index = 4, #args do
    if redis.call('HDEL', room.bans, args[index]) == 1 then
      announce(prefix, state.seq, 'k', 'u', 'r', name, 'a', args[index])
    end
  end
  return { 'OK', state.seq }
end

-- use(room...): these rooms have readers, so they are not forgotten for a while. A room
-- that is not known stays so.
local function call_use(keys, args)
  local used, time = prefix_of(keys) .. 'used', now()
  for _, name in ipairs(args) do
    redis.call('ZADD', used, 'XX', time, name)
  end
  return { 'OK' }
end

-- Forgets all of a room but its tombstone.
local function forget_room(prefix, state, name, time)
  local room = room_keys(prefix, name)
  local newest = redis.call('XREVRANGE', room.history, '+', '-', 'COUNT', 1)[1]
  if newest then
    redis.call('HSET', room.state, 'evicted', seq_of(newest))
  end
  redis.call('HDEL', room.state, 'bytes', 'banned')
  redis.call('DEL', room.history, room.clients, room.changes, room.bans)
  redis.call('ZREM', prefix .. 'used', name)
  redis.call('ZADD', prefix .. 'forgotten', time, name)
  announce(prefix, state.seq, 'k', 'f', 'r', name)
end

-- Drops the oldest tombstone. From now on, any room that is not known may have lost entries
-- up to the seq that this uses.
local function drop_tombstone(keys, state, bounds)
  local prefix = prefix_of(keys)
  local name = redis.call('ZPOPMIN', prefix .. 'forgotten')[1]
  redis.call('DEL', prefix .. 'room:' .. name)
  state.seq = state.seq + 1
  redis.call('HSET', keys[1], 'seq', state.seq, 'dropped', state.seq)
  local id = state.seq .. '-0'
  redis.call('XADD', prefix .. 'log', 'MAXLEN', '=', bounds.log, id, 'k', 'x', 'r', name)
end

-- tidy(epoch, random, how long a room is kept after its last use in milliseconds, most
--   tombstones, most rooms of this call, most items of the log)
-- Forgets rooms that were not used and have no ban, and drops tombstones beyond the most.
-- Answers OK and how many it found: there may be more if that is the most of this call. Or
-- EPOCH epoch.
local function call_tidy(keys, args)
  local state, refusal = open_as(keys, args[1], args[2])
  if not state then
    return refusal
  end
  local prefix, time = prefix_of(keys), now()
  local idle_since = time - tonumber(args[3])
  local bounds = { log = tonumber(args[6]) }
  local used, forgotten = prefix .. 'used', prefix .. 'forgotten'
  local names = redis.call('ZRANGEBYSCORE', used, '-inf', idle_since, 'LIMIT', 0, args[5])
  for _, name in ipairs(names) do
    local banned = tonumber(redis.call('HGET', prefix .. 'room:' .. name, 'banned') or 0)
    if banned > time then
      redis.call('ZADD', used, banned, name)
    else
      forget_room(prefix, state, name, time)
    end
  end
  local excess = redis.call('ZCARD', forgotten) - tonumber(args[4])
  for _ = 1, math.min(excess, tonumber(args[5])) do
    drop_tombstone(keys, state, bounds)
  end
  return { 'OK', math.max(#names, excess) }
end

-- Adds an item to the stream of presence.
local function announce_presence(keys, fields)
  local number = redis.call('HINCRBY', keys[1], 'presence', 1)
  local stream = prefix_of(keys) .. 'presence'
  redis.call('XADD', stream, 'MAXLEN', '=', MAX_PRESENCE, number .. '-0', unpack(fields))
end

-- Stores that a name joins or leaves a room at a node. Returns whether that is news.
local function set_member(prefix, node, room, sign, name)
  local names = prefix .. 'members:' .. node .. ':' .. room
  if sign == '+' then
    redis.call('SADD', prefix .. 'rooms:' .. node, room)
    redis.call('SADD', prefix .. 'nodes:' .. room, node)
    return redis.call('SADD', names, name) == 1
  end
  local has_left = redis.call('SREM', names, name) == 1
  if redis.call('EXISTS', names) == 0 then
    redis.call('SREM', prefix .. 'rooms:' .. node, room)
    redis.call('SREM', prefix .. 'nodes:' .. room, node)
  end
  return has_left
end

-- members(node, (room, + or -, name)...): these names join and leave rooms at the node.
-- Answers OK, or NO_LEASE: then nothing is changed.
local function call_members(keys, args)
  local prefix, node = prefix_of(keys), args[1]
  if not redis.call('ZSCORE', prefix .. 'leases', node) then
    return { 'NO_LEASE' }
  end
  local rooms, fields_of_room = {}, {}
  for index = 2, #args, 3 do
    local room, sign, name = args[index], args[index + 1], args[index + 2]
    if set_member(prefix, node, room, sign, name) then
      local fields = fields_of_room[room]
      if not fields then
        fields = { 'n', node, 'r', room }
        fields_of_room[room] = fields
        rooms[#rooms + 1] = room
      end
      fields[#fields + 1] = sign == '+' and 'j' or 'l'
      fields[#fields + 1] = name
    end
  end
  for _, room in ipairs(rooms) do
    announce_presence(keys, fields_of_room[room])
  end
  return { 'OK' }
end

-- The lease of a node is over: all its members leave at once. What is stored of them is
-- removed in parts.
local function end_lease(keys, node)
  local prefix = prefix_of(keys)
  redis.call('ZREM', prefix .. 'leases', node)
  redis.call('SADD', prefix .. 'left', node)
  announce_presence(keys, { 'n', node })
end

-- Removes what is stored of nodes without a lease: at most `most` rooms.
local function remove_members(prefix, most)
  local node = redis.call('SRANDMEMBER', prefix .. 'left')
  if not node then
    return
  end
  local rooms = redis.call('SPOP', prefix .. 'rooms:' .. node, most)
  for _, room in ipairs(rooms) do
    redis.call('DEL', prefix .. 'members:' .. node .. ':' .. room)
    redis.call('SREM', prefix .. 'nodes:' .. room, node)
  end
  if #rooms < most then
    redis.call('SREM', prefix .. 'left', node)
  end
end

-- lease(node, its length in milliseconds, 1 if it is a new node): renews the lease. Ends
-- those that are over, and removes a part of what is left of them.
-- Answers OK, or NO_LEASE if it was over: a node goes on under another name then.
local function call_lease(keys, args)
  local prefix, time = prefix_of(keys), now()
  local leases = prefix .. 'leases'
  local over = redis.call('ZRANGEBYSCORE', leases, '-inf', time, 'LIMIT', 0, MAX_ENDED_LEASES)
  for _, node in ipairs(over) do
    end_lease(keys, node)
  end
  remove_members(prefix, MAX_REMOVED_ROOMS)
  if args[3] ~= '1' and not redis.call('ZSCORE', leases, args[1]) then
    return { 'NO_LEASE' }
  end
  redis.call('ZADD', leases, time + tonumber(args[2]), args[1])
  return { 'OK' }
end

-- leave(node): its lease is over. Answers OK.
local function call_leave(keys, args)
  if redis.call('ZSCORE', prefix_of(keys) .. 'leases', args[1]) then
    end_lease(keys, args[1])
  end
  return { 'OK' }
end

-- members_of(room): the number of the newest item of presence, as of which this is, and each
-- node with the names of the room's members there.
local function call_members_of(keys, args)
  local prefix, room = prefix_of(keys), args[1]
  local nodes = {}
  for _, node in ipairs(redis.call('SMEMBERS', prefix .. 'nodes:' .. room)) do
    if redis.call('ZSCORE', prefix .. 'leases', node) then
      nodes[#nodes + 1] = node
      nodes[#nodes + 1] = redis.call('SMEMBERS', prefix .. 'members:' .. node .. ':' .. room)
    end
  end
  return { 'OK', tonumber(redis.call('HGET', keys[1], 'presence') or 0), nodes }
end

redis.register_function('sse_chat_open', call_open)
redis.register_function('sse_chat_publish', call_publish)
redis.register_function('sse_chat_change', call_change)
redis.register_function('sse_chat_load', call_load)
redis.register_function('sse_chat_ban', call_ban)
redis.register_function('sse_chat_lift', call_lift)
redis.register_function('sse_chat_use', call_use)
redis.register_function('sse_chat_tidy', call_tidy)
redis.register_function('sse_chat_members', call_members)
redis.register_function('sse_chat_lease', call_lease)
redis.register_function('sse_chat_leave', call_leave)
redis.register_function('sse_chat_members_of', call_members_of)
