use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/circuit_breaker.json")).expect("valid JSON")
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn small(value: &Value) -> u32 {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).expect("a small number")
}

fn rate_policy(config: &Value) -> CircuitBreakerPolicy {
    CircuitBreakerPolicy::Rate {
        failure_rate_threshold: small(&config["failureRateThreshold"]) as f32,
        slow_call_rate_threshold: small(&config["slowCallRateThreshold"]) as f32,
        slow_call_duration_ms: config["slowCallDurationThresholdMs"].as_u64().expect("ms"),
        sliding_window_size: small(&config["slidingWindowSize"]),
        minimum_number_of_calls: small(&config["minimumNumberOfCalls"]),
        wait_duration_in_open_state_ms: config["waitDurationInOpenStateMs"].as_u64().expect("ms"),
        permitted_calls_in_half_open_state: small(&config["permittedNumberOfCallsInHalfOpenState"]),
    }
}

fn assert_snapshot(step: &Value, snapshot: &Snapshot, at: &str) {
    let rate = |value: Option<f32>| f64::from(value.unwrap_or(-1.0));
    assert_eq!(snapshot.state.as_str(), step["state"], "{at}");
    assert!(
        (rate(snapshot.failure_rate) - step["failure_rate"].as_f64().expect("rate")).abs() < 1e-3,
        "{at}"
    );
    assert!(
        (rate(snapshot.slow_call_rate) - step["slow_call_rate"].as_f64().expect("rate")).abs() < 1e-3,
        "{at}"
    );
    assert_eq!(snapshot.buffered, small(&step["buffered"]), "{at}");
    assert_eq!(snapshot.not_permitted, u64::from(small(&step["not_permitted"])), "{at}");
}

#[test]
fn every_trace_of_resilience4j() {
    for trace in list(&vectors()["resilience4j"]) {
        let mut now = Instant::now();
        let mut breaker = CircuitBreaker::new(&rate_policy(&trace["config"]));
        for (number, step) in list(&trace["trace"]).iter().enumerate() {
            let at = format!("{} step {number}: {step}", trace["name"]);
            if step["op"] == "advance" {
                now += Duration::from_millis(step["ms"].as_u64().expect("ms"));
            } else {
                let permitted = breaker.acquire(now) == Acquire::Permitted;
                assert_eq!(permitted, step["permitted"], "{at}");
                if permitted {
                    let result = if step["op"] == "ok" { CallResult::Success } else { CallResult::Failure };
                    breaker.record(
                        now,
                        result,
                        Duration::from_millis(step["duration_ms"].as_u64().expect("ms")),
                    );
                }
            }
            assert_snapshot(step, &breaker.snapshot(now), &at);
        }
    }
}

/// `None` for pyfly's own rate mode, which judges a rate only when a call fails; the service offers Resilience4j's instead.
fn consecutive_policy(config: &Value) -> Option<CircuitBreakerPolicy> {
    if config.get("failure_rate_threshold").is_some() {
        return None;
    }
    let count = |name: &str, default: u32| config.get(name).map_or(default, small);
    let timeout = config.get("recovery_timeout").and_then(Value::as_f64).unwrap_or(30.0);
    Some(CircuitBreakerPolicy::Consecutive {
        failure_threshold: count("failure_threshold", 5),
        recovery_timeout_ms: (timeout * 1000.0) as u64,
        half_open_max_calls: count("half_open_max_calls", 1),
    })
}

fn replay_pyfly_step(breaker: &mut CircuitBreaker, now: &mut Instant, step: &Value, at: &str) {
    let op = step["op"].as_str().expect("a text");
    if op == "advance" {
        *now += Duration::from_millis((step["seconds"].as_f64().expect("seconds") * 1000.0).round() as u64);
        return;
    }
    if op == "success" {
        return breaker.record(*now, CallResult::Success, Duration::ZERO);
    }
    let permitted = breaker.acquire(*now) == Acquire::Permitted;
    assert_eq!(permitted, step["permitted"], "{at}");
    match op {
        "call_ok" if permitted => breaker.record(*now, CallResult::Success, Duration::ZERO),
        "call_fail" if permitted => breaker.record(*now, CallResult::Failure, Duration::ZERO),
        _ => {}
    }
}

#[test]
fn every_trace_of_pyflys_consecutive_mode() {
    let mut replayed = 0;
    for trace in list(&vectors()["pyfly"]) {
        let Some(policy) = consecutive_policy(&trace["config"]) else { continue };
        let mut now = Instant::now();
        let mut breaker = CircuitBreaker::new(&policy);
        for (number, step) in list(&trace["trace"]).iter().enumerate() {
            let at = format!("{} step {number}: {step}", trace["config"]);
            replay_pyfly_step(&mut breaker, &mut now, step, &at);
            let state = step["state"].as_str().expect("a text").to_uppercase();
            assert_eq!(breaker.snapshot(now).state.as_str(), state, "{at}");
        }
        replayed += 1;
    }
    assert_eq!(replayed, 4);
}

#[test]
fn a_rejection_names_the_moment_from_which_a_call_is_permitted() {
    for policy in [CircuitBreakerPolicy::default(), CircuitBreakerPolicy::consecutive()] {
        let start = Instant::now();
        let mut breaker = CircuitBreaker::new(&policy);
        while breaker.acquire(start) == Acquire::Permitted {
            breaker.record(start, CallResult::Failure, Duration::ZERO);
        }
        let now = start + Duration::from_secs(1);
        let Acquire::Rejected { retry_after: Some(wait) } = breaker.acquire(now) else {
            panic!("it is open")
        };
        assert!(matches!(
            breaker.clone().acquire(now + wait - Duration::from_nanos(1)),
            Acquire::Rejected { .. }
        ));
        assert_eq!(breaker.acquire(now + wait), Acquire::Permitted);
    }
}

#[test]
fn a_neutral_trial_call_frees_its_permit_and_decides_nothing() {
    let start = Instant::now();
    let mut breaker = CircuitBreaker::new(&CircuitBreakerPolicy::Consecutive {
        failure_threshold: 1,
        recovery_timeout_ms: 1,
        half_open_max_calls: 1,
    });
    assert_eq!(breaker.acquire(start), Acquire::Permitted);
    breaker.record(start, CallResult::Failure, Duration::ZERO);
    let later = start + Duration::from_millis(1);
    for _ in 0..3 {
        assert_eq!(breaker.acquire(later), Acquire::Permitted);
        assert_eq!(breaker.acquire(later), Acquire::Rejected { retry_after: None });
        breaker.record(later, CallResult::Neutral, Duration::ZERO);
        assert_eq!(breaker.state(later), BreakerState::HalfOpen);
    }
    assert_eq!(breaker.acquire(later), Acquire::Permitted);
    breaker.record(later, CallResult::Success, Duration::ZERO);
    assert_eq!(breaker.state(later), BreakerState::Closed);
}

/// The RATE mode again, as plainly as it can be written.
struct Naive {
    policy: CircuitBreakerPolicy,
    closed_calls: Vec<(bool, bool)>,
    trial: Option<(u32, Vec<(bool, bool)>)>,
    open_since: Option<Instant>,
}

impl Naive {
    fn permits(&mut self, now: Instant, wait: Duration, trial_calls: u32) -> bool {
        if let Some(since) = self.open_since {
            if now - since <= wait {
                return false;
            }
            self.open_since = None;
            self.trial = Some((trial_calls, Vec::new()));
        }
        match &mut self.trial {
            Some((0, _)) => false,
            Some((left, _)) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn records(&mut self, now: Instant, failed: bool, slow: bool) {
        let CircuitBreakerPolicy::Rate {
            failure_rate_threshold,
            slow_call_rate_threshold,
            sliding_window_size,
            minimum_number_of_calls,
            permitted_calls_in_half_open_state,
            ..
        } = self.policy
        else {
            return;
        };
        if self.open_since.is_some() {
            return;
        }
        let (calls, size, minimum) = match &mut self.trial {
            Some((_, calls)) => {
                (calls, permitted_calls_in_half_open_state, permitted_calls_in_half_open_state)
            }
            None => (
                &mut self.closed_calls,
                sliding_window_size,
                minimum_number_of_calls.min(sliding_window_size),
            ),
        };
        calls.push((failed, slow));
        let window: Vec<_> = calls.iter().rev().take(size as usize).collect();
        if window.len() < minimum as usize {
            return;
        }
        let percent = |hits: usize| hits as f32 * 100.0 / window.len() as f32;
        let exceeded = percent(window.iter().filter(|call| call.0).count()) >= failure_rate_threshold
            || percent(window.iter().filter(|call| call.1).count()) >= slow_call_rate_threshold;
        if exceeded {
            self.open_since = Some(now);
            self.trial = None;
        } else if self.trial.take().is_some() {
            self.closed_calls.clear();
        }
        if exceeded {
            self.closed_calls.clear();
        }
    }
}

proptest! {
    #[test]
    fn the_ring_agrees_with_the_naive_model(
        thresholds in (1_u32..=100, 1_u32..=100),
        sizes in (1_u32..20, 1_u32..20, 1_u32..6),
        steps in prop::collection::vec((0_u64..80, 0_u8..4, any::<bool>(), any::<bool>()), 1..400),
    ) {
        let wait = Duration::from_millis(100);
        let policy = CircuitBreakerPolicy::Rate {
            failure_rate_threshold: thresholds.0 as f32,
            slow_call_rate_threshold: thresholds.1 as f32,
            slow_call_duration_ms: 10,
            sliding_window_size: sizes.0,
            minimum_number_of_calls: sizes.1,
            wait_duration_in_open_state_ms: 100,
            permitted_calls_in_half_open_state: sizes.2,
        };
        let mut breaker = CircuitBreaker::new(&policy);
        let mut naive = Naive { policy, closed_calls: Vec::new(), trial: None, open_since: None };
        let mut now = Instant::now();
        let mut in_flight = Vec::new();
        for (millis, op, failed, slow) in steps {
            now += Duration::from_millis(millis);
            if op < 2 {
                let permitted = breaker.acquire(now) == Acquire::Permitted;
                prop_assert_eq!(permitted, naive.permits(now, wait, sizes.2));
                if permitted {
                    in_flight.push((failed, slow));
                }
            } else if let Some((failed, slow)) = in_flight.pop() {
                let result = if failed { CallResult::Failure } else { CallResult::Success };
                breaker.record(now, result, Duration::from_millis(if slow { 11 } else { 10 }));
                naive.records(now, failed, slow);
            }
            let expected = match (&naive.open_since, &naive.trial) {
                (Some(_), _) => BreakerState::Open,
                (None, Some(_)) => BreakerState::HalfOpen,
                (None, None) => BreakerState::Closed,
            };
            prop_assert_eq!(breaker.snapshot(now).state, expected);
        }
    }

    #[test]
    fn a_half_open_breaker_never_gets_stuck(
        consecutive in any::<bool>(),
        ops in prop::collection::vec(0_u8..4, 0..60),
    ) {
        let policy = if consecutive { CircuitBreakerPolicy::consecutive() } else { CircuitBreakerPolicy::default() };
        let mut breaker = CircuitBreaker::new(&policy);
        let mut now = Instant::now();
        let mut in_flight = 0;
        for op in ops.into_iter().chain(std::iter::repeat_n(3, 60)) {
            now += Duration::from_secs(20);
            if breaker.acquire(now) == Acquire::Permitted {
                in_flight += 1;
            }
            if in_flight > 0 && op > 0 {
                in_flight -= 1;
                match op {
                    1 => breaker.record(now, CallResult::Failure, Duration::ZERO),
                    2 => breaker.release(),
                    _ => breaker.record(now, CallResult::Success, Duration::ZERO),
                }
            }
        }
        prop_assert_eq!(breaker.state(now), BreakerState::Closed);
    }
}
