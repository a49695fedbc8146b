//! What has to happen at once, on one key each, so that a cluster can do it. Lifetimes are relative:
//! the clocks of the hosts need not agree with the server's.

/// Stores a session (`ARGV[1]`) for a time (`ARGV[2]`, in milliseconds), unless it has ended.
pub(super) const PUT: &str = "\
if redis.call('GETRANGE', KEYS[1], 0, 0) == '\\0' then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// Ends a session; returns whether it was there. Its place stays taken for a time (`ARGV[1]`), or
/// for as long as the session would have lasted.
pub(super) const END: &str = "\
local was = redis.call('GETRANGE', KEYS[1], 0, 0)
local life = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[1]))
redis.call('SET', KEYS[1], '\\0', 'PX', string.format('%.0f', life))
if was == '' or was == '\\0' then return 0 end
return 1";

/// Somebody gets a session that lasts for a time (`ARGV[1]`): they are known for as long at least.
/// Returns when their sessions ended, those with one provider (`ARGV[2]`) and with all.
pub(super) const KNOW: &str = "\
local life = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[1]))
redis.call('HSETNX', KEYS[1], 'known', '1')
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life))
return redis.call('HMGET', KEYS[1], ARGV[2], '*')";

/// All sessions of somebody ended, those with one provider or with all (`ARGV[1]`), at a time
/// (`ARGV[2]`). The latest counts. Remembered for as long as the last of the sessions lasts, and for
/// a time (`ARGV[3]`) at least.
pub(super) const END_ALL: &str = "\
local at = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '') or 0
at = math.max(at, tonumber(ARGV[2]))
local life = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', at))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life))
return 1";

/// Takes a lease for its holder (`ARGV[1]`) and a time (`ARGV[2]`), or extends it.
pub(super) const LEASE: &str = "\
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// Gives it back, if it is still this holder's.
pub(super) const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1";
