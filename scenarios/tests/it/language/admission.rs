//! What the language says about lines and shedding reaches the platform.

use connector::{BasisPoints, ClassId, Duration, Priority, TierId};
use platform::config::{CodelConfig, Drops, ShedRule, ShedWhom, Threshold};

use super::everything;

#[test]
fn every_rule_of_shedding_reaches_it() {
    let shed = everything().platform.admission.shed;
    let percent = BasisPoints::from_percent;
    let below = ShedWhom::BelowPriority(Priority::new(6).expect("a rank"));
    let rule = |whom, at, until| ShedRule { whom, at, until: percent(until) };
    let expected = [
        rule(below, Threshold::Line(percent(70)), 50),
        rule(ShedWhom::Classes(vec![ClassId(1)]), Threshold::Places(percent(90)), 80),
        rule(ShedWhom::Tiers(vec![TierId(0)]), Threshold::Wait(Duration::from_secs(4)), 100),
    ];
    assert_eq!(shed, expected);
}

#[test]
fn every_key_of_codel_reaches_it() {
    let platform = everything().platform;
    let [shared, own, _] = &platform.cables[..] else { panic!("three pools") };
    let ms = Duration::from_millis;
    let rule = CodelConfig { target: ms(300), interval: ms(3_000), drops: Drops::ByControlLaw };
    assert_eq!(own.codel, Some(rule));
    let rule = CodelConfig { target: ms(50), interval: ms(500), drops: Drops::AllOverdue };
    assert_eq!(shared.codel, Some(rule));
}
