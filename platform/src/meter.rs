use connector::{Duration, Money, Usage};

use crate::{interface::Meter, lease::Account};

impl Meter {
    /// A share was held for some time.
    pub(crate) fn held(&mut self, account: &Account, time: Duration, cost: Money) {
        let ns = u128::from(time.as_nanos());
        self.flop += u128::from(account.requirements.tflops.as_gflops()) * ns;
        self.mebibyte_ns += u128::from(account.requirements.vram.get()) * ns;
        self.slot_ns += ns;
        self.cost += cost;
    }

    /// A request was answered in full.
    pub(crate) fn answered(&mut self, usage: Usage) {
        self.completed += 1;
        self.prompt_tokens += u128::from(usage.prompt.get());
        self.output_tokens += u128::from(usage.output.get());
    }
}

#[cfg(test)]
mod tests {
    use connector::{Mebibytes, Requirements, TenantId, Tflops, Tokens};

    use super::*;

    #[test]
    fn a_second_of_five_tflops_on_two_gib_is_five_trillion_flop() {
        let requirements = Requirements { tflops: Tflops::new(5), vram: Mebibytes::from_gib(2) };
        let account = Account { tenant: TenantId(0), requirements, shelf: None };
        let mut meter = Meter::default();
        meter.held(&account, Duration::from_secs(1), Money::from_nanos(7));
        meter.answered(Usage { prompt: Tokens::new(3), output: Tokens::new(4) });
        let expected = Meter {
            completed: 1,
            prompt_tokens: 3,
            output_tokens: 4,
            flop: 5_000_000_000_000,
            mebibyte_ns: 2_048_000_000_000,
            slot_ns: 1_000_000_000,
            cost: Money::from_nanos(7),
        };
        assert_eq!(meter, expected);
    }
}
