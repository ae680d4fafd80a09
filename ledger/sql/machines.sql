-- Keeps the history of a machine's owner, prices, sale flags and columns, for every writer of machines. The
-- first version is in force from the beginning of time. A feed sets `ledger.effective_at` for the versions that
-- it writes.
create or replace function ledger_note_machine_terms() returns trigger language plpgsql as $$
declare
    counted integer;
    since timestamptz;
begin
    if tg_op = 'UPDATE'
       and (new.machine_owner_user_id, new.dfr_columns_type_user_df,
            new.machine_data_source_is_public, new.machine_data_source_price_usd,
            new.machine_api_solving_is_public, new.machine_api_solving_price_usd,
            new.machine_copy_price_usd, new.machine_copy_update_price_usd)
           is not distinct from
           (old.machine_owner_user_id, old.dfr_columns_type_user_df,
            old.machine_data_source_is_public, old.machine_data_source_price_usd,
            old.machine_api_solving_is_public, old.machine_api_solving_price_usd,
            old.machine_copy_price_usd, old.machine_copy_update_price_usd) then
        return null;
    end if;
    counted := case jsonb_typeof(new.dfr_columns_type_user_df)
        when 'object' then (select count(*) from jsonb_object_keys(new.dfr_columns_type_user_df))
        when 'array' then jsonb_array_length(new.dfr_columns_type_user_df)
        else 0 end;
    since := case
        when not exists (select from ledger_machine_terms where machine_id = new.id) then 'epoch'::timestamptz
        else coalesce(nullif(current_setting('ledger.effective_at', true), '')::timestamptz, clock_timestamp())
        end;
    insert into ledger_machine_terms (
        machine_id, effective_from, owner_id, columns,
        data_source_is_public, data_source_price, api_solving_is_public, api_solving_price,
        copy_price, copy_update_price)
    values (
        new.id, since, new.machine_owner_user_id, counted,
        new.machine_data_source_is_public, new.machine_data_source_price_usd,
        new.machine_api_solving_is_public, new.machine_api_solving_price_usd,
        new.machine_copy_price_usd, new.machine_copy_update_price_usd);
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
