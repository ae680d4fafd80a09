-- Operations and entries are append-only, with two exceptions: a reference is emptied when its user or machine
-- is deleted, and an empty link is filled in the transaction that appends the event about it.
--
-- A setting of the transaction has the event's position. The event's row shows that this transaction wrote it:
-- it is visible although its writer has not committed. The writer may be a savepoint of this transaction, whose
-- number is above the transaction's own.
create or replace function ledger_guard_operation() returns trigger language plpgsql as $$
declare
    told constant bigint := nullif(current_setting('ledger.link_position', true), '')::bigint;
    own bigint;
    writer bigint;
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
                    own := pg_current_xact_id()::text::bigint;
                    select e.data -> 'links', (own >> 32 << 32) + e.xmin::text::bigint into linked, writer
                    from events_event e
                    where e.position = told
                      and e.type = 'operation.linked' and e.stream = 'operation:' || old.id;
                    if writer < own or pg_xact_status(writer::text::xid8) <> 'in progress' then
                        linked := null;
                    end if;
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

-- The transaction that deletes a row empties the references to it, possibly before the row is deleted. So the
-- commit checks that the row is gone.
create or replace function ledger_check_emptied() returns trigger language plpgsql as $$
declare
    emptied text;
begin
    if tg_table_name = 'models_entry' then
        if exists (select from models_user where id = old.user_id) then
            emptied := 'user_id';
        end if;
    elsif old.machine_id is not null and new.machine_id is null
          and exists (select from models_machine where id = old.machine_id) then
        emptied := 'machine_id';
    elsif old.machine_owner_id is not null and new.machine_owner_id is null
          and exists (select from models_user where id = old.machine_owner_id) then
        emptied := 'machine_owner_id';
    elsif old.operation_user_id is not null and new.operation_user_id is null
          and exists (select from models_user where id = old.operation_user_id) then
        emptied := 'operation_user_id';
    end if;
    if emptied is not null then
        raise exception '% %: % is emptied only when its row is deleted', tg_table_name, old.id, emptied
            using errcode = 'LG001', table = tg_table_name;
    end if;
    return null;
end $$;

create constraint trigger ledger_check_emptied after update on models_operation
    deferrable initially deferred for each row execute function ledger_check_emptied();
create constraint trigger ledger_check_emptied after update on models_entry
    deferrable initially deferred for each row execute function ledger_check_emptied();
