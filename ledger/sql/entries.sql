-- Every transfer must be one Debit and one Credit of the same amount and currency, on accounts of that currency
-- and of a pair of kinds that is allowed for the kind of its operation. This holds for every writer of entries.
--
-- A session plans this statement once. `limit 1` keeps accounts and operations out of the join, so that they are
-- looked up one by one in their indexes. Otherwise a plan made for a large first batch would scan them for a
-- small batch too.
create or replace function ledger_check_entries() returns trigger language plpgsql as $$
declare
    wrong record;
begin
    select pair.operation_id, pair.transfer into wrong
    from (
        select e.operation_id, e.transfer,
               count(*) as sides,
               min(e.amount) <> max(e.amount) or min(e.currency) <> max(e.currency) as unequal,
               bool_or(e.currency is distinct from a.currency) as foreign_currency,
               max(a.kind) filter (where e.side = 'D') as debit_kind,
               max(a.kind) filter (where e.side = 'C') as credit_kind
        from added e
        left join lateral (
            select currency, kind from ledger_account where id = e.account_id limit 1) a on true
        group by e.operation_id, e.transfer
    ) pair
    left join lateral (select kind from models_operation where id = pair.operation_id limit 1) o on true
    left join ledger_allowed_pair allowed
        on allowed.operation_kind = o.kind
       and allowed.debit_kind = pair.debit_kind
       and allowed.credit_kind = pair.credit_kind
    where pair.sides <> 2 or pair.unequal or pair.foreign_currency or allowed.operation_kind is null
    limit 1;
    if found then
        raise exception 'transfer % of operation % is not a pair that may be posted',
            wrong.transfer, wrong.operation_id
            using errcode = 'LG003', constraint = 'ledger_entries_pair', table = 'models_entry';
    end if;
    return null;
end $$;

create trigger ledger_check_entries after insert on models_entry
    referencing new table as added
    for each statement execute function ledger_check_entries();
