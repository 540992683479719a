use super::Case;

/// About price books.
pub(super) const CASES: &[Case] = &[
    (
        "a price book of unknown things",
        &[(
            "models: [gemma-2b]",
            concat!(
                "models: [gemma-2b]\nplatform:\n  price_book:\n    currency: dollars\n    period: 0s\n    commitments: { acme: 5 }\n    charged: [everything]\n    rates:\n",
                "      - { meter: gpu_time, price: 1 }\n",
                "      - { meter: requests, price: -1, tenants: [globex], models: [gpt], pools: [] }\n",
                "      - { meter: requests, price: [{ each: { stairs: [] } }] }\n",
            ),
        )],
        concat!(
            "11:15 platform.price_book.currency: `dollars` is not a currency: expected an ISO 4217 code such as `USD`\n",
            "12:13 platform.price_book.period: a billing period takes no time: it must be longer than 0s\n",
            "13:20 platform.price_book.commitments.acme: unknown tenant `acme` (the tenants are `default`)\n",
            "14:15 platform.price_book.charged[0]: expected one of `delivered`, `disconnected`, `preempted`, `hedged`, `retried`, `ghost`, `idle`, found `everything`\n",
            "16:18 platform.price_book.rates[0].meter: expected one of `input_tokens`, `cached_tokens`, `output_tokens`, `requests`, `slot_time`, `compute`, `memory`, `queue_time`, `cold_start_time`, found `gpu_time`\n",
            "17:35 platform.price_book.rates[1].price: `-1` is out of range for a price: it must be between 0 and 10^12 with at most nine decimals\n",
            "17:49 platform.price_book.rates[1].tenants[0]: unknown tenant `globex` (the tenants are `default`)\n",
            "17:67 platform.price_book.rates[1].models[0]: unknown model `gpt` (the models are `gemma-2b`)\n",
            "17:80 platform.price_book.rates[1].pools: a rate for nothing (leave the key out for all of them)\n",
            "18:44 platform.price_book.rates[2].price[0].each: expected one of `graduated`, `volume`, found `stairs`",
        ),
    ),
    (
        "quantities that are counted otherwise",
        &[(
            "models: [gemma-2b]",
            concat!(
                "models: [gemma-2b]\nplatform:\n  price_book:\n    rates:\n",
                "      - { meter: requests, price: [{ each: 1, included: 2h }] }\n",
                "      - { meter: slot_time, price: [{ each: 1, granularity: 10 }] }\n",
                "      - { meter: compute, price: [{ each: { graduated: [{ up_to: 5 GiB-hours, each: 1 }, { each: 1 }] } }] }\n",
                "      - { meter: memory, price: [{ each: 1, minimum: lots }] }\n",
            ),
        )],
        concat!(
            "12:57 platform.price_book.rates[0].price[0].included: `2h` is no quantity of `requests` (state something like `1000000`)\n",
            "13:61 platform.price_book.rates[1].price[0].granularity: `10` is no quantity of `slot_time` (state something like `100h`)\n",
            "14:66 platform.price_book.rates[2].price[0].each.graduated[0].up_to: `5 GiB-hours` is no quantity of `compute` (state something like `500 TFLOPS-hours`)\n",
            "15:54 platform.price_book.rates[3].price[0].minimum: `lots` is no quantity: expected something like `1000000`, `100h`, `500 TFLOPS-hours` or `2000 GiB-hours`",
        ),
    ),
    (
        "prices that are no book",
        &[(
            "models: [gemma-2b]",
            concat!(
                "models: [gemma-2b]\nplatform:\n  price_book:\n    preemptible_discount: 101%\n    commitments: { default: 0.001 }\n    rates:\n",
                "      - { meter: requests, price: [{ each: 1, until: 10s }, { from: 20s, each: 2 }] }\n",
                "      - { meter: requests, price: [{ each: 1, until: 30s }, { from: 20s, each: 2 }] }\n",
                "      - { meter: requests, price: [] }\n",
                "      - { meter: requests, price: [{ each: { volume: [{ up_to: 5, each: 1 }] } }] }\n",
                "      - { meter: requests, price: 1000001 }\n",
            ),
        )],
        concat!(
            "11:27 platform.price_book.preemptible_discount: 101% of all prices cannot be taken off: at most 100% can (state a share from 0% to 100%)\n",
            "12:29 platform.price_book.commitments.default: tenant 0: commitment 0.001 must be between 0 and 1,000,000, in coins of USD\n",
            "14:9 platform.price_book.rates[0]: rate 0: no price between 10s and 20s\n",
            "15:9 platform.price_book.rates[1]: rate 1: two prices at 20s\n",
            "16:9 platform.price_book.rates[2]: rate 2 has no prices\n",
            "17:9 platform.price_book.rates[3]: rate 3, version 0: ends of tiers must rise, and the last tier has none\n",
            "18:9 platform.price_book.rates[4]: rate 4, version 0: price 1000001.00 must be between 0 and 1,000,000",
        ),
    ),
    (
        "more than all records twice and late, and by nothing",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  metering: { duplicates: 101%, late: { share: 200%, by: 1h }, lost: 1% }\n  price_book: { rates: [] }",
        )],
        concat!(
            "10:27 platform.metering.duplicates: 101% of all records cannot come twice: at most 100% can (state a share from 0% to 100%)\n",
            "10:48 platform.metering.late.share: 200% of all records cannot come late: at most 100% can (state a share from 0% to 100%)\n",
            "10:64 platform.metering.lost: unknown key `lost` (the keys here are `duplicates`, `late`, `reordered`)",
        ),
    ),
];
