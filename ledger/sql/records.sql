-- Operations and entries are records: nothing changes but a reference that is emptied because its
-- user or machine is deleted, and an empty link that is filled in the transaction that appended the
-- event saying so.
create or replace function ledger_guard_operation() returns trigger language plpgsql as $$
declare
    references_ constant text[] := array['machine_id', 'machine_owner_id', 'operation_user_id'];
    links constant text[] := array['credit_id', 'debit_id', 'credit_ixioo_id', 'debit_ixioo_id'];
    before jsonb := to_jsonb(old);
    after jsonb;
    name text;
    linked jsonb;
begin
    if tg_op = 'UPDATE' then
        after := to_jsonb(new);
        if before - references_ - links <> after - references_ - links then
            raise exception 'append-only table %: % is not allowed', tg_table_name, tg_op
                using errcode = 'LG001', table = tg_table_name;
        end if;
        foreach name in array references_ loop
            if after -> name <> before -> name and after -> name <> 'null'::jsonb then
                raise exception 'operation %: % may only be emptied', old.id, name
                    using errcode = 'LG001', table = tg_table_name;
            end if;
        end loop;
        foreach name in array links loop
            if after -> name <> before -> name then
                if before -> name = 'null'::jsonb and linked is null then
                    select e.data -> 'links' into linked from events_event e
                    where e.position = (select max(position) from events_event)
                      and e.type = 'operation.linked' and e.stream = 'operation:' || old.id
                      and e.xmin = pg_current_xact_id()::xid;
                end if;
                if before -> name <> 'null'::jsonb or linked is null
                   or linked -> replace(name, '_id', '') is distinct from after -> name then
                    raise exception 'operation %: % is filled by a link event only', old.id, name
                        using errcode = 'LG001', table = tg_table_name;
                end if;
            end if;
        end loop;
        return new;
    end if;
    raise exception 'append-only table %: % is not allowed', tg_table_name, tg_op
        using errcode = 'LG001', table = tg_table_name;
end $$;

create trigger ledger_guard_operation before update or delete on models_operation
    for each row execute function ledger_guard_operation();

create or replace function ledger_guard_entry() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.user_id is null
       and to_jsonb(old) - 'user_id' = to_jsonb(new) - 'user_id' then
        return new;
    end if;
    raise exception 'append-only table %: % is not allowed', tg_table_name, tg_op
        using errcode = 'LG001', table = tg_table_name;
end $$;

create trigger ledger_guard_entry before update or delete on models_entry
    for each row execute function ledger_guard_entry();
