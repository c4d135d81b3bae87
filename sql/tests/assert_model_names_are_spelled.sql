-- The names that names are compared with must be written as the comparison writes them, or they never match.
with

models as (

    select * from {{ ref('models') }}

),

aliases as (

    select * from {{ ref('model_aliases') }}

),

known as (

    select models.model_id as known_name
    from models
    left join aliases
        on models.model_id = aliases.model_id
    where aliases.model_id is null
    union
    select aliases.alias as known_name
    from aliases

)

select
    known.known_name,
    {{ spelled(name_dashed('known.known_name')) }} as spelled_name
from known
where known.known_name != {{ spelled(name_dashed('known.known_name')) }}
