-- A reading that waits for a decision or was rejected is none that anything may stand on; none is held twice.
select
    held.source_id,
    held.contract,
    held.reading_scope,
    held.fetched_at,
    count(*) as row_count
from {{ ref('held_readings') }} as held
left join {{ ref('int_readings__current') }} as readings
    on
        held.source_id = readings.source_id
        and held.contract = readings.contract
        and held.reading_scope = readings.reading_scope
        and held.fetched_at = readings.read_at
group by 1, 2, 3, 4
having
    count(*) > 1
    or (any_value(held.verdict) != 'accepted' and count(readings.read_at) > 0)
