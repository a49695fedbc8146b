use super::*;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn delays_double_up_to_five_minutes() {
    // docs/protocol.md §3.4.
    let mut reconnect = Reconnect::default();
    for (attempt, delay) in (0..).zip([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]) {
        assert_eq!(reconnect.attempt(), attempt);
        assert_eq!(reconnect.ended(Duration::ZERO, 0), Duration::from_secs(delay));
    }
}

#[test]
fn walks_are_repeated_less_and_less_often() {
    let mut again = WalkAgain::default();
    for delay in [5, 10, 20, 40, 80, 160, 300, 300] {
        assert_eq!(again.after_walk(), Duration::from_secs(delay));
    }
}

#[test]
fn only_a_connection_that_lived_a_minute_starts_anew() {
    let mut reconnect = Reconnect::default();
    for lived in [0, 5, 59] {
        reconnect.ended(Duration::from_secs(lived), 0);
    }
    assert_eq!(reconnect.ended(Duration::from_secs(59), 0), Duration::from_secs(8));
    assert_eq!(reconnect.ended(Duration::from_secs(60), 0), Duration::from_secs(1));
    assert_eq!(reconnect.attempt(), 1);
}

#[test]
fn jitter_takes_up_to_a_quarter() {
    let delay = |jitter| Reconnect { failures: 9 }.ended(Duration::ZERO, jitter);
    assert_eq!(delay(0), seconds(300.0));
    assert_eq!(delay(255), seconds(225.0));
    assert!(delay(128) < delay(127) && delay(128) > delay(255));
}

#[test]
fn intervals_have_upstreams_limits() {
    // docs/protocol.md §2.4; the upper limit is ours.
    for (said, kept) in [(0, 300), (1, 30), (29, 30), (30, 30), (31, 31), (600, 600)] {
        assert_eq!(refresh_interval(said), Duration::from_secs(kept));
    }
    assert_eq!(refresh_interval(u64::MAX), Duration::from_secs(86_400));
}

/// Runs a schedule over `pushes`, with refreshes of `takes` seconds; returns when they begin.
fn refreshes(pushes: &[f64], takes: f64, until: f64) -> Vec<f64> {
    let mut schedule = Schedule::default();
    schedule.succeeded(Duration::ZERO, seconds(300.0));
    let (mut now, mut began, mut pushes) = (0.0_f64, Vec::new(), pushes.iter().peekable());
    loop {
        let due = schedule.due().as_secs_f64().max(now);
        match pushes.peek() {
            Some(&&push) if push <= due => {
                schedule.pushed(seconds(push));
                pushes.next();
            }
            _ if due > until => return began,
            _ => {
                schedule.begins(seconds(due));
                began.push((due * 10.0).round() / 10.0);
                now = due + takes;
                while let Some(&push) = pushes.next_if(|&&push| push <= now) {
                    schedule.pushed(seconds(push));
                }
                schedule.succeeded(seconds(now), seconds(300.0));
            }
        }
    }
}

#[test]
fn the_first_refresh_is_at_once_and_the_next_by_interval() {
    let mut schedule = Schedule::default();
    assert_eq!(schedule.due(), Duration::ZERO);
    schedule.begins(Duration::ZERO);
    schedule.succeeded(seconds(1.0), seconds(300.0));
    assert_eq!(schedule.due(), seconds(301.0));
}

#[test]
fn an_update_and_its_twin_are_one_refresh_and_one_when_they_have_settled() {
    assert_eq!(refreshes(&[10.0, 10.1], 0.1, 60.0), [10.2, 11.6]);
    assert_eq!(refreshes(&[10.0], 0.1, 60.0), [10.2, 11.5]);
    // Five seconds late: treated like a new one.
    assert_eq!(refreshes(&[10.0, 15.0], 0.1, 60.0), [10.2, 11.5, 15.2, 16.5]);
}

#[test]
fn a_storm_is_thinned_and_no_update_waits_for_its_end() {
    // docs/protocol.md §3.3: when authentik starts, one per provider, over half a minute.
    let storm: Vec<f64> = (0..150).map(|push| 10.0 + f64::from(push) / 5.0).collect();
    for takes in [0.1, 0.5, 1.0] {
        let began = refreshes(&storm, takes, 100.0);
        let last = began.last().unwrap();
        assert!((41.3..43.5).contains(last), "the last update was at 39.8, not settled at {last}");
        for push in &storm {
            let live = began.iter().find(|&begin| begin >= push).unwrap() + takes;
            assert!(live - push <= 3.0, "{push} was live at {live}");
        }
        let busy = takes * f64::from(u32::try_from(began.len()).unwrap()) / 32.0;
        assert!(busy <= 0.55, "authentik is kept busy {busy} of the time");
    }
    assert!(refreshes(&storm, 0.1, 100.0).len() <= 30);
}

#[test]
fn a_failure_is_retried_ever_more_slowly_and_a_success_ends_it() {
    let mut schedule = Schedule::default();
    for delay in [3, 6, 12, 24, 30, 30] {
        assert_eq!(schedule.failed(Duration::ZERO, false), Duration::from_secs(delay));
        assert_eq!(schedule.due(), Duration::from_secs(delay));
    }
    schedule.succeeded(Duration::ZERO, seconds(300.0));
    assert_eq!(schedule.failed(Duration::ZERO, false), Duration::from_secs(3));
}

#[test]
fn an_update_cuts_the_wait_after_a_failure_short() {
    let mut schedule = Schedule::default();
    for _ in 0..5 {
        schedule.failed(Duration::ZERO, false);
    }
    schedule.pushed(seconds(10.0));
    assert_eq!(schedule.due(), seconds(10.2));
}

#[test]
fn a_wrong_token_is_not_tried_more_often_whatever_calls_for_it() {
    let mut schedule = Schedule::default();
    for delay in [3, 6, 12, 24, 48, 96, 192, 300, 300] {
        schedule.begins(Duration::ZERO);
        assert_eq!(schedule.failed(Duration::ZERO, true), Duration::from_secs(delay));
        schedule.ask(seconds(1.0));
        assert_eq!(schedule.due(), Duration::from_secs(delay));
    }
}

#[test]
fn what_authentik_says_on_the_socket_is_followed_although_it_refused_the_token() {
    let refused_again_and_again = || {
        let mut schedule = Schedule::default();
        for _ in 0..8 {
            schedule.failed(seconds(10.0), true);
        }
        assert_eq!(schedule.due(), seconds(310.0));
        schedule
    };
    let mut schedule = refused_again_and_again();
    schedule.connected(seconds(20.0));
    assert_eq!(schedule.due(), seconds(20.2));

    let mut schedule = refused_again_and_again();
    schedule.pushed(seconds(20.0));
    assert_eq!(schedule.due(), seconds(20.2));
    // Refused again while updates keep coming: one request every three seconds.
    for at in [20.0, 23.0, 26.0] {
        schedule.begins(seconds(at + 0.2));
        schedule.failed(seconds(at + 0.3), true);
        schedule.pushed(seconds(at + 0.4));
        assert_eq!(schedule.due(), seconds(at + 3.3));
    }
    // The last update, too, is followed by a refresh once it settled; then it is over.
    schedule.begins(seconds(29.3));
    schedule.failed(seconds(29.4), true);
    assert_eq!(schedule.due(), seconds(329.4));
}

#[test]
fn what_is_left_out_is_asked_for_again_soon() {
    let (mut schedule, interval) = (Schedule::default(), seconds(60.0));
    for delay in [3, 6, 12, 24, 48, 60, 60] {
        schedule.begins(seconds(9.0));
        schedule.succeeded_in_part(seconds(10.0), interval);
        assert_eq!(schedule.due(), Duration::from_secs(10 + delay));
    }
    schedule.succeeded(seconds(10.0), interval);
    assert_eq!(schedule.due(), seconds(70.0));
    schedule.succeeded_in_part(seconds(10.0), interval);
    assert_eq!(schedule.due(), seconds(13.0), "from the start again");
}

#[test]
fn two_refreshes_are_a_while_apart() {
    let mut schedule = Schedule::default();
    schedule.begins(seconds(10.0));
    schedule.succeeded(seconds(14.0), seconds(300.0));
    schedule.ask(seconds(14.1));
    assert_eq!(schedule.due(), seconds(18.0), "four seconds of work, four of rest");
}
