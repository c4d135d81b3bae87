select
    price_date,
    host_id,
    model_id,
    count(*) as line_count
from {{ ref('token_prices_daily') }}
where is_primary
group by 1, 2, 3
having count(*) > 1
