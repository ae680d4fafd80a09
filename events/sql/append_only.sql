-- Refuses UPDATE, DELETE and TRUNCATE on the tables it is put on, for every role that cannot
-- switch triggers off. There is no session setting that opens it.
create or replace function events_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'append-only table %: % is not allowed', tg_table_name, tg_op
        using errcode = 'LG001', table = tg_table_name;
end $$;
