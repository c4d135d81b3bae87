-- Written after every daily table, because it says what they stand on:
-- depends_on: {{ ref('fct_fx_rates') }}
-- depends_on: {{ ref('fct_gpu_offer_prices_daily') }}
-- depends_on: {{ ref('int_gpu_prices__events') }}
-- depends_on: {{ ref('int_gpu_prices__judged') }}
-- depends_on: {{ ref('int_prices__in_error') }}
-- depends_on: {{ ref('gpu_prices_daily') }}
-- depends_on: {{ ref('token_prices_daily') }}
{{ build_state() }}
