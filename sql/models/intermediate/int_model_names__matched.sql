{#- A preview may carry a date this long before the release; other snapshots none but a few weeks. -#}
{%- set preview_days = 200 %}
{%- set snapshot_days = 31 %}

with

mentions as (

    select * from {{ ref('int_model_names__mentioned') }}

),

worded as (

    select * from {{ ref('int_model_names__worded') }}
    where
        words_left_out = 0
        and not is_shortened

),

fitted as (

    select * from {{ ref('int_model_names__fitted') }}

),

-- A month and day without a year. Its year is that of the release on this day, ...
undated as (

    select
        fitted.model_id,
        fitted.snapshot_text,
        fitted.is_preview,
        fitted.release_date,
        fitted.release_date - case when fitted.is_preview then {{ preview_days }} else {{ snapshot_days }} end
            as not_before,
        -- A rolling name was there before the snapshot it came to stand for.
        min(case when not fitted.is_rolling then fitted.first_observed_at end) over (
            partition by fitted.model_id, fitted.snapshot_text
        ) + interval 1 day as not_after
    from fitted
    where {{ matches('fitted.snapshot_text', "'^[01][0-9]-[0-3][0-9]$'") }}

),

-- ... or the one that another name of the model states, ...
stated_years as (

    select
        fitted.model_id,
        right(fitted.snapshot_text, 5) as snapshot_text,
        min(fitted.snapshot_text) as dated_text
    from fitted
    where length(fitted.snapshot_text) = 10
    group by 1, 2
    having count(distinct fitted.snapshot_text) = 1

),

possible_years as (

    {% for years in range(4) -%}
    select
        undated.model_id,
        undated.snapshot_text,
        undated.is_preview,
        (year(undated.not_after) - {{ years }}) || '-' || undated.snapshot_text as dated_text
    from undated
    where
        try_cast((year(undated.not_after) - {{ years }}) || '-' || undated.snapshot_text as date)
        between undated.not_before and undated.not_after
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}

),

-- ... or the only one between the release and the first sight.
only_years as (

    select
        possible_years.model_id,
        possible_years.snapshot_text,
        possible_years.is_preview,
        min(possible_years.dated_text) as dated_text
    from possible_years
    group by 1, 2, 3
    having count(distinct possible_years.dated_text) = 1

),

resolved as (

    select
        fitted.contract,
        fitted.source_id,
        fitted.host_raw,
        fitted.model_raw,
        fitted.model_id,
        fitted.valid_from,
        fitted.valid_to,
        coalesce(
            case
                when right(cast(fitted.release_date as varchar), 5) = fitted.snapshot_text
                    then cast(fitted.release_date as varchar)
            end,
            stated_years.dated_text,
            only_years.dated_text,
            fitted.snapshot_text
        ) as snapshot_name,
        nullif(
            replace(
                trim(
                    {{ words_without(
                        words_without("fitted.endings || '-'", snapshot_endings()),
                        [version_endings(), idle_endings(), size_endings(), 'chat'] | join('|')
                    ) }},
                    '-'
                ),
                '-', ' '
            ),
            ''
        ) as variant,
        case
            when fitted.model_id is null then fitted.alias_note
            else
                concat_ws(
                    ', ',
                    case when fitted.known_name = fitted.model_id then 'own name' else 'alias' end,
                    case when fitted.words_left_out > 0 then 'words before it left out' end,
                    case when fitted.endings != '' then 'endings left out' end
                )
        end as match_rule
    from fitted
    left join stated_years
        on
            fitted.model_id = stated_years.model_id
            and fitted.snapshot_text = stated_years.snapshot_text
    left join only_years
        on
            fitted.model_id = only_years.model_id
            and fitted.snapshot_text = only_years.snapshot_text
            and fitted.is_preview = only_years.is_preview

),

final as (

    select
        mentions.contract,
        mentions.source_id,
        mentions.host_raw,
        mentions.model_raw,
        resolved.model_id,
        resolved.snapshot_name,
        resolved.variant,
        resolved.model_id is null and coalesce(resolved.match_rule, worded.no_model_reason) is not null
            as is_ruled_out,
        coalesce(resolved.match_rule, worded.no_model_reason) as match_rule,
        coalesce(resolved.valid_from, date '0001-01-01') as valid_from,
        coalesce(resolved.valid_to, date '9999-12-31') as valid_to,
        mentions.row_count,
        mentions.first_observed_at,
        mentions.last_observed_at
    from mentions
    inner join worded
        on mentions.model_raw = worded.model_raw
    left join resolved
        on
            mentions.contract = resolved.contract
            and mentions.source_id = resolved.source_id
            and mentions.host_raw = resolved.host_raw
            and mentions.model_raw = resolved.model_raw

)

select * from final
