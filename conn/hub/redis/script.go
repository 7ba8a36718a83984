package redis

import "github.com/redis/go-redis/v9"

// Scripts run on the server, each as one step. KEYS are the topic's hash, which has its epoch "e"
// and its last offset "n", and its stream. An entry of the stream has the ID offset-0, so that
// offsets have no gaps; its fields are the data "d" and the publisher's identifier "i".
//
// Publishing has a third key. An attempt that is repeated looks for the message in the stream. If it
// is not there, it adds it and leaves its offset at this key: the attempt before may still be on its
// way, and must add nothing when it comes.

const publishSource = `
local meta, log, once = KEYS[1], KEYS[2], KEYS[3]
local most, age, epochAge, newEpoch, data, id, again, channel = unpack(ARGV)
local epoch = redis.call('HGET', meta, 'e')
local before = redis.call('GET', once)
if before then
	return {epoch or newEpoch, tonumber(before)}
end
if epoch and again == '1' then
	for _, entry in ipairs(redis.call('XREVRANGE', log, '+', '-')) do
		if entry[2][4] == id then
			return {epoch, tonumber((string.gsub(entry[1], '-0$', '')))}
		end
	end
end
if not epoch then
	redis.call('DEL', log)
	epoch = newEpoch
	redis.call('HSET', meta, 'e', epoch)
end
local n = redis.call('HINCRBY', meta, 'n', 1)
redis.call('XADD', log, 'MAXLEN', most, n .. '-0', 'd', data, 'i', id)
if age ~= '0' then
	redis.call('PEXPIRE', log, age)
	redis.call('PEXPIRE', meta, epochAge)
end
if again == '1' then
	redis.call('SET', once, n, 'EX', 600)
end
redis.call('SPUBLISH', channel, epoch .. ' ' .. n .. ' ' .. id .. ' ' .. data)
return {epoch, n}
`

// Reading has also the place of a message that the node has seen. If it is not there, or another one
// is, a replica has taken over that lacked it: another epoch begins.
//
// The answer is the epoch, the offset after which messages follow, the last offset, the data of the
// messages, and the identifier of the last of them.
const historySource = `
local meta, log = KEYS[1], KEYS[2]
local since, offset, limit, newEpoch, epochAge = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local seenEpoch, seenOffset, seenID = ARGV[6], ARGV[7], ARGV[8]
local epoch = redis.call('HGET', meta, 'e')
if not epoch then
	redis.call('DEL', log)
	epoch = newEpoch
	redis.call('HSET', meta, 'e', epoch)
	if epochAge ~= '0' then
		redis.call('PEXPIRE', meta, epochAge)
	end
end
local n = tonumber(redis.call('HGET', meta, 'n') or '0')
local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
local gone = n
if oldest then
	gone = tonumber((string.gsub(oldest[1], '-0$', ''))) - 1
end
local lost = since == epoch and offset > n
if seenEpoch == epoch then
	local there = redis.call('XRANGE', log, seenOffset .. '-0', seenOffset .. '-0')[1]
	lost = lost or tonumber(seenOffset) > n or there and there[2][4] ~= seenID
end
if lost then
	epoch = newEpoch
	redis.call('HSET', meta, 'e', epoch)
end
local after = gone
if since == '' then
	after = math.max(gone, n - limit)
elseif since == epoch then
	after = math.max(gone, offset)
end
local data, last = {}, ''
for i, entry in ipairs(redis.call('XRANGE', log, (after + 1) .. '-0', '+', 'COUNT', limit)) do
	data[i] = entry[2][2]
	last = entry[2][4]
end
return {epoch, after, n, data, last}
`

// The hash of the topic's members has a field for each node: the millisecond until which it is
// believed, and what it has announced.

const announceSource = `
local members, node, what, ttl = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
if what == '' then
	redis.call('HDEL', members, node)
	return {}
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', members, node, string.format('%.0f', now + ttl) .. ' ' .. what)
redis.call('PEXPIRE', members, ttl)
return {}
`

const membersSource = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local present = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	local until_, what = string.match(all[i + 1], '^(%d+) (.*)$')
	if until_ and tonumber(until_) > now then
		present[#present + 1] = what
	else
		redis.call('HDEL', KEYS[1], all[i])
	end
end
return present
`

var (
	publishScript  = redis.NewScript(publishSource)
	historyScript  = redis.NewScript(historySource)
	announceScript = redis.NewScript(announceSource)
	membersScript  = redis.NewScript(membersSource)

	sources = map[*redis.Script]string{publishScript: publishSource, historyScript: historySource}
)
