-- Return the time before which everything is closed; null if no period was ever closed. The same rule as in
-- `ledger.domain.periods.closed_until`.
create or replace function ledger_closed_until() returns timestamptz language plpgsql stable as $$
begin
    return coalesce(
        (select max(ends_at) from ledger_period where state = 'closed'),
        (select min(starts_at) from ledger_period));
end $$;

-- A period must be as the last event about it says, and two people must have changed it. This holds for every
-- writer of periods.
create or replace function ledger_guard_period() returns trigger language plpgsql as $$
declare
    here record;
    said jsonb;
begin
    if tg_op = 'DELETE' then
        here := old;
    else
        here := new;
    end if;
    select e.data -> 'periods' -> here.month into said
    from events_event e
    where e.id = here.event_id and e.stream = 'period:' || here.month
      and not exists (
          select from events_event later where later.position > e.position and later.stream = e.stream);
    if (tg_op = 'DELETE') = ((
            here.kept, here.state, here.version::text, here.event_id::text, here.settled::text,
            here.proposer, here.resolver, here.starts_at, here.ends_at)
        is not distinct from (
            said, said ->> 'state', said ->> 'version', said ->> 'event', said ->> 'settled',
            said ->> 'proposer', said ->> 'resolver', (said ->> 'starts_at')::timestamptz,
            (said ->> 'ends_at')::timestamptz)) then
        raise exception 'period % is what the log says of it', here.month
            using errcode = 'LG006', constraint = 'ledger_period_as_logged', table = tg_table_name;
    end if;
    return here;
end $$;

create trigger ledger_guard_period before insert or update or delete on ledger_period
    for each row execute function ledger_guard_period();

-- No operation or entry may count in a closed period. This holds for every writer of them.
--
-- The lock is the one that every batch shares and a closing takes exclusively
-- (`ledger.engine.kept_store.lock_periods_and_tariffs`). Under it every committed closing is visible, and none is
-- in progress. Only in READ COMMITTED is the snapshot taken after the lock. Lost rows may be restored as their
-- events say, if the events come before the closing in the log.
create or replace function ledger_check_period() returns trigger language plpgsql as $$
declare
    closed timestamptz;
    wrong record;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception '% is written in READ COMMITTED transactions only', tg_table_name
            using errcode = 'LG005', constraint = 'ledger_period_isolation', table = tg_table_name;
    end if;
    perform pg_advisory_xact_lock_shared(83860381958147);
    closed := ledger_closed_until();
    if closed is null or not exists (select from added where effective_at < closed) then
        return null;
    end if;
    if tg_table_name = 'models_operation' then
        select a.id, a.effective_at into wrong
        from added a
        left join events_event e on e.id = a.id and e.position = a.position
        where a.effective_at < closed
          and (e.position < (
              select c.position from ledger_period p join events_event c on c.id = p.event_id
              where p.state = 'closed' and p.ends_at > a.effective_at order by p.month limit 1)) is not true
        limit 1;
    else
        select a.operation_id as id, a.effective_at into wrong
        from added a
        left join ledger_account on ledger_account.id = a.account_id
        left join events_event e
            on e.id = a.operation_id and e.position = a.position
           and (e.data -> 'transfers' -> (a.transfer - 1) ->> case a.side when 'D' then 'debit' else 'credit' end)
               = ledger_account.code
           and (e.data -> 'transfers' -> (a.transfer - 1) ->> 'amount')::numeric = a.amount
        where a.effective_at < closed
          and (e.position < (
              select c.position from ledger_period p join events_event c on c.id = p.event_id
              where p.state = 'closed' and p.ends_at > a.effective_at order by p.month limit 1)) is not true
        limit 1;
    end if;
    if found then
        raise exception 'operation % would count at %, in a closed period', wrong.id, wrong.effective_at
            using errcode = 'LG005', constraint = 'ledger_period_closed', table = tg_table_name;
    end if;
    return null;
end $$;

create trigger ledger_check_period after insert on models_operation
    referencing new table as added
    for each statement execute function ledger_check_period();
create trigger ledger_check_period after insert on models_entry
    referencing new table as added
    for each statement execute function ledger_check_period();
