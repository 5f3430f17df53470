//! Suspend, and wall clocks that jump.

use std::time::Duration;

use hotcell_vault::AuthError;
use hotcell_vault::RefreshError;

use crate::HOUR;
use crate::Next;
use crate::access;
use crate::bench;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn m10_a_token_is_over_if_either_clock_says_so() {
    let jumps: [fn(&crate::Hands); 4] = [
        |hands| hands.pass_boot(HOUR),
        |hands| hands.turn_wall(|wall| wall + DAY),
        |hands| {
            hands.pass(HOUR);
            hands.turn_wall(|wall| wall - DAY);
        },
        |hands| {
            hands.turn_wall(|wall| wall - DAY);
            hands.pass_boot(HOUR);
        },
    ];
    for jump in jumps {
        let bench = bench();
        assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-0-");
        jump(&bench.hands);
        assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-1-");
        assert_eq!(bench.requests(), 1);
        // The new one has its hour, whatever the clocks say.
        bench.hands.pass(HOUR / 2);
        assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-1-");
    }
}

#[tokio::test]
async fn m10_a_wall_clock_set_back_does_not_stop_refreshes_for_a_day() {
    let bench = bench();
    bench.next(Next::Error(RefreshError::Transient { retry_after: Some(Duration::from_secs(600)) }));
    bench.hands.pass(HOUR);
    assert!(matches!(access(&bench.store, "github").await, Err(AuthError::Refresh { .. })));
    bench.hands.turn_wall(|wall| wall - DAY);
    assert_eq!(access(&bench.other(), "github").await.unwrap(), "at-0-1-");
}

#[tokio::test]
async fn m10_a_token_that_came_before_the_clock_was_set_back_is_used_no_longer_than_its_life() {
    let bench = bench();
    bench.hands.turn_wall(|wall| wall - DAY);
    bench.hands.pass(HOUR - Duration::from_secs(10));
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-0-");
    bench.store.finish().await;
    bench.hands.pass(Duration::from_secs(5));
    assert_eq!(access(&bench.store, "github").await.unwrap(), "at-0-1-");
}
