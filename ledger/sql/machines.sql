-- Keeps the history of a machine's owner, prices, sale flags and columns, for every writer of machines. The
-- first version is in force from the beginning of time; every later one from when it was written, or from the
-- earlier time that a feed sets as `ledger.effective_at`, but never from before its predecessor. So the newest
-- version of the history is always the machine as it is.
create or replace function ledger_note_machine_terms() returns trigger language plpgsql as $$
declare
    newest ledger_machine_terms;
    noted ledger_machine_terms;
begin
    select * into newest from ledger_machine_terms
    where machine_id = new.id order by effective_from desc, id desc limit 1;
    noted := newest;
    noted.machine_id := new.id;
    noted.owner_id := new.machine_owner_user_id;
    noted.columns := case jsonb_typeof(new.dfr_columns_type_user_df)
        when 'object' then (select count(*) from jsonb_object_keys(new.dfr_columns_type_user_df))
        when 'array' then jsonb_array_length(new.dfr_columns_type_user_df)
        else 0 end;
    noted.data_source_is_public := new.machine_data_source_is_public;
    noted.data_source_price := new.machine_data_source_price_usd;
    noted.api_solving_is_public := new.machine_api_solving_is_public;
    noted.api_solving_price := new.machine_api_solving_price_usd;
    noted.copy_price := new.machine_copy_price_usd;
    noted.copy_update_price := new.machine_copy_update_price_usd;
    if noted is not distinct from newest then
        return null;
    end if;
    noted.effective_from := case
        when newest.id is null then 'epoch'::timestamptz
        else greatest(newest.effective_from, least(
            nullif(current_setting('ledger.effective_at', true), '')::timestamptz, clock_timestamp()))
        end;
    insert into ledger_machine_terms (
        machine_id, effective_from, owner_id, columns,
        data_source_is_public, data_source_price, api_solving_is_public, api_solving_price,
        copy_price, copy_update_price)
    values (
        noted.machine_id, noted.effective_from, noted.owner_id, noted.columns,
        noted.data_source_is_public, noted.data_source_price, noted.api_solving_is_public,
        noted.api_solving_price, noted.copy_price, noted.copy_update_price);
    return null;
end $$;

create trigger ledger_note_machine_terms after insert or update on models_machine
    for each row execute function ledger_note_machine_terms();

create or replace function ledger_guard_machine() returns trigger language plpgsql as $$
begin
    update models_operation set machine_id = null where machine_id = old.id;
    return old;
end $$;

create trigger ledger_guard_machine before delete on models_machine
    for each row execute function ledger_guard_machine();
