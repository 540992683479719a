use std::num::NonZero;

use connector::{
    BasisPoints, Breach, BreachReason, ClassId, Concession, Concessions, Mebibytes, ModelId, Money,
    PoolId, Rejection, RequestId, TenantId, Tflops, Tokens,
};

use super::*;
use crate::sample;

#[test]
fn the_digest_of_a_small_run_is_this_for_ever() {
    // A change here breaks every digest that was ever published: old runs cannot be verified.
    let mut digest = Digest::new();
    assert_eq!(digest.digest().to_string(), "2d06800538d394c2");
    digest.record(&sample::completed(1_000, 700));
    digest.record(&sample::failed(
        2_000,
        Outcome::Failed(ErrorKind::RateLimited { retry_after: Some(Duration::from_secs(1)) }),
    ));
    digest.gauge(sample::at_ms(3_000), &sample::gauge(sample::at_ms(3_000), 500));
    digest.token_gaps(sample::at_ms(3_000), &sample::gaps(20, 7));
    assert_eq!(digest.digest().to_string(), "b7e4780c8ae0c0a2");
}

#[test]
fn every_field_of_a_record_is_part_of_the_digest() {
    let base = sample::completed(1_000, 700);
    let variants = [
        base,
        RequestRecord { request: RequestId(1), ..base },
        RequestRecord { tenant: TenantId(1), ..base },
        RequestRecord { class: ClassId(1), ..base },
        RequestRecord { model: ModelId(1), ..base },
        RequestRecord { pool: Some(PoolId(1)), ..base },
        RequestRecord { pool: None, ..base },
        RequestRecord { arrived: Timestamp::ZERO, ..base },
        RequestRecord { queued: Duration::ZERO, ..base },
        RequestRecord { allocating: Some(Duration::ZERO), ..base },
        RequestRecord { allocating: None, ..base },
        RequestRecord { first_token: Some(Timestamp::ZERO), ..base },
        RequestRecord { first_token: None, ..base },
        RequestRecord { finished: Timestamp::ZERO, ..base },
        RequestRecord { prompt_tokens: Tokens::ZERO, ..base },
        RequestRecord { output_tokens: Tokens::ZERO, ..base },
        RequestRecord { attempts: 2, ..base },
        RequestRecord { fallbacks: 2, ..base },
        RequestRecord { hedges: 1, ..base },
        RequestRecord { hedges: 2, ..base },
        RequestRecord { fan_out: Some(part(0, 2)), ..base },
        RequestRecord { fan_out: Some(part(1, 2)), ..base },
        RequestRecord { fan_out: Some(part(1, 3)), ..base },
        RequestRecord { rejection: Some(Rejection::Shed), ..base },
        RequestRecord { rejection: Some(Rejection::TooLate), ..base },
        RequestRecord { cost: Money::ZERO, ..base },
        RequestRecord { cost: Money::from_nanos(-2_000_000), ..base },
    ];
    assert_all_differ(&variants.map(|record| of_record(&record)));
}

fn part(part: u16, parts: u16) -> FanOut {
    FanOut { part, parts: NonZero::new(parts).expect("is not zero") }
}

#[test]
fn what_became_of_a_covenant_is_part_of_the_digest() {
    let base = sample::completed(1_000, 700);
    let given_up = Concessions::NONE.with(Concession::ShorterAnswer);
    let breach = Breach {
        reason: BreachReason::Failed,
        excess: BasisPoints::ZERO,
        concessions: Concessions::NONE,
    };
    let variants = [
        CovenantOutcome::Free,
        CovenantOutcome::Kept,
        CovenantOutcome::Renegotiated(given_up),
        CovenantOutcome::Renegotiated(given_up.with(Concession::OtherModel)),
        CovenantOutcome::Broken(breach),
        CovenantOutcome::Broken(Breach { reason: BreachReason::Cost, ..breach }),
        CovenantOutcome::Broken(Breach { excess: BasisPoints::ONE, ..breach }),
        CovenantOutcome::Broken(Breach { concessions: given_up, ..breach }),
    ];
    assert_all_differ(&variants.map(|covenant| of_record(&RequestRecord { covenant, ..base })));
}

#[test]
fn every_outcome_has_its_own_digest() {
    let mut outcomes = vec![
        Outcome::Completed,
        Outcome::Rejected,
        Outcome::Cancelled,
        Outcome::Failed(ErrorKind::RateLimited { retry_after: Some(Duration::ZERO) }),
        Outcome::Failed(ErrorKind::RateLimited { retry_after: Some(Duration::from_secs(1)) }),
    ];
    outcomes.extend(ErrorKind::ALL.map(Outcome::Failed));
    let digests: Vec<RunDigest> =
        outcomes.iter().map(|&outcome| of_record(&sample::failed(0, outcome))).collect();
    assert_all_differ(&digests);
}

#[test]
fn every_field_of_a_gauge_is_part_of_the_digest() {
    let at = sample::at_ms(1_000);
    let base = sample::gauge(at, 500);
    let none = SetAside::default();
    let variants = [
        base,
        PoolGauge { pool: PoolId(1), ..base },
        PoolGauge { cards: 9, ..base },
        PoolGauge { slots: 9, ..base },
        PoolGauge { slots_held: 9, ..base },
        PoolGauge { running: 9, ..base },
        PoolGauge { waiting: 9, ..base },
        PoolGauge { vram: Mebibytes::new(9), ..base },
        PoolGauge { vram_promised: Mebibytes::new(9), ..base },
        PoolGauge { tflops: Tflops::new(9), ..base },
        PoolGauge { tflops_promised: Tflops::new(9), ..base },
        PoolGauge { busy_card_ns: 9, ..base },
        PoolGauge { card_ns: 9, ..base },
        PoolGauge { held_slot_ns: 9, ..base },
        PoolGauge { preemptions: 9, ..base },
        PoolGauge { recomputations: 9, ..base },
        PoolGauge { prefix_asked: 9, ..base },
        PoolGauge { prefix_found: 9, ..base },
        PoolGauge { kv_blocks: 9, ..base },
        PoolGauge { kv_blocks_in_use: 9, ..base },
        PoolGauge { set_aside: SetAside { waiting: 9, ..none }, ..base },
        PoolGauge { set_aside: SetAside { requeued: 9, ..none }, ..base },
        PoolGauge { set_aside: SetAside { resumed: 9, ..none }, ..base },
        PoolGauge { set_aside: SetAside { recomputed_tokens: 9, ..none }, ..base },
    ];
    let none = PoolScaling::default();
    let scaling = [
        none,
        PoolScaling { wanted: 9, ..none },
        PoolScaling { coming: 9, ..none },
        PoolScaling { spare: 9, ..none },
        PoolScaling { scaled_out: 9, ..none },
        PoolScaling { scaled_in: 9, ..none },
    ];
    let mut digests = variants.map(|gauge| of_gauge(at, &gauge)).to_vec();
    let scaling = scaling.map(|scaling| PoolGauge { scaling: Some(scaling), ..base });
    digests.extend(scaling.map(|gauge| of_gauge(at, &gauge)));
    digests.push(of_gauge(sample::at_ms(1_001), &base));
    assert_all_differ(&digests);
}

#[test]
fn every_field_of_gaps_is_part_of_the_digest() {
    let at = sample::at_ms(1_000);
    let base = sample::gaps(20, 7);
    let variants = [
        base,
        TokenGaps { pool: PoolId(1), ..base },
        TokenGaps { model: ModelId(1), ..base },
        TokenGaps { gap: Duration::ZERO, ..base },
        TokenGaps { count: 8, ..base },
    ];
    let of = |at, gaps: &TokenGaps| {
        let mut digest = Digest::new();
        digest.token_gaps(at, gaps);
        digest.digest()
    };
    let mut digests = variants.map(|gaps| of(at, &gaps)).to_vec();
    digests.push(of(sample::at_ms(1_001), &base));
    assert_all_differ(&digests);
}

#[test]
fn the_order_is_part_of_the_digest() {
    let (first, second) = (sample::completed(0, 500), sample::completed(1, 500));
    let of = |records: [&RequestRecord; 2]| {
        let mut digest = Digest::new();
        for record in records {
            digest.record(record);
        }
        digest.digest()
    };
    assert_ne!(of([&first, &second]), of([&second, &first]));
}

#[test]
fn digests_combine_in_order_and_one_alone_stays_itself() {
    let (a, b) = (RunDigest(1), RunDigest(2));
    assert_eq!(RunDigest::combine(&[a]), a);
    assert_ne!(RunDigest::combine(&[a, b]), RunDigest::combine(&[b, a]));
    assert_ne!(RunDigest::combine(&[a, b]), a);
}

fn of_record(record: &RequestRecord) -> RunDigest {
    let mut digest = Digest::new();
    digest.record(record);
    digest.digest()
}

fn of_gauge(at: Timestamp, gauge: &PoolGauge) -> RunDigest {
    let mut digest = Digest::new();
    digest.gauge(at, gauge);
    digest.digest()
}

fn assert_all_differ(digests: &[RunDigest]) {
    for (place, digest) in digests.iter().enumerate() {
        let twin = digests.iter().position(|other| other == digest);
        assert_eq!(twin, Some(place), "variants {twin:?} and {place} have the same digest");
    }
}
