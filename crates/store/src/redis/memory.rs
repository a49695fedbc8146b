//! What a server does when its memory is full.

use redis::Value;

use super::value;

/// Longest name of a policy that is passed on.
const LONGEST: usize = 32;

/// The policy by which it removes keys then, from its answer to `INFO memory`. `None` if it removes
/// none, has no limit, or does not tell. Every policy but `noeviction` concerns keys with an expiry,
/// as all of ours have.
pub(super) fn eviction(told: &Value) -> Option<String> {
    let lines = value::text(told)?.lines().filter_map(|line| line.split_once(':'));
    let field =
        |name: &str| lines.clone().find(|(of, _)| *of == name).map(|(_, value)| value.trim());
    let is_limited = field("maxmemory")?.parse::<u64>().ok()? > 0;
    let policy = field("maxmemory_policy")?;
    let is_word = policy.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let removes = is_limited && is_word && policy.len() <= LONGEST && policy != "noeviction";
    removes.then(|| policy.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_removes_keys_counts_when_there_is_a_limit() {
        let told = |maxmemory: &str, policy: &str| {
            let text = format!(
                "# Memory\r\nused_memory:900\r\nmaxmemory:{maxmemory}\r\nmaxmemory_human:1M\r\n\
                 maxmemory_policy:{policy}\r\n"
            );
            eviction(&Value::BulkString(text.into_bytes()))
        };
        for policy in ["allkeys-lru", "allkeys-random", "volatile-lru", "volatile-ttl"] {
            assert_eq!(told("1048576", policy).as_deref(), Some(policy));
            assert_eq!(told("0", policy), None, "{policy}, without a limit");
        }
        for (maxmemory, policy) in
            [("1048576", "noeviction"), ("1048576", "a\x1b[0m"), ("much", "allkeys-lru")]
        {
            assert_eq!(told(maxmemory, policy), None);
        }
        assert_eq!(told("1048576", &"a".repeat(33)), None);
        assert_eq!(eviction(&Value::BulkString(b"maxmemory:1\r\n".to_vec())), None);
        assert_eq!(eviction(&Value::Nil), None);
    }
}
