-- The three balances on a user must equal the balances of the user's accounts.
create or replace function ledger_check_balances() returns trigger language plpgsql as $$
declare
    wrong bigint;
begin
    if tg_op = 'INSERT' then
        select u.id into wrong from after u
        where (u.user_balance, u.user_ixioo_balance, u.coupon_balance) is distinct from (0, 0, 0)
        limit 1;
    else
        select u.id into wrong
        from after u
        join before o on o.id = u.id
        cross join lateral (
            select coalesce(sum(a.balance) filter (where a.kind = 'user:usd'), 0) as usd,
                   coalesce(sum(a.balance) filter (where a.kind = 'user:eaml'), 0) as eaml,
                   coalesce(sum(a.balance) filter (where a.kind = 'user:coupon'), 0) as coupon
            from ledger_account a where a.user_id = u.id
        ) own
        where (u.user_balance, u.user_ixioo_balance, u.coupon_balance)
              is distinct from (o.user_balance, o.user_ixioo_balance, o.coupon_balance)
          and (u.user_balance, u.user_ixioo_balance, u.coupon_balance)
              is distinct from (own.usd, own.eaml, own.coupon)
        limit 1;
    end if;
    if found then
        raise exception 'the balances of user % are not those of the accounts: only the ledger changes them', wrong
            using errcode = 'LG004', constraint = 'ledger_user_balances', table = 'models_user';
    end if;
    return null;
end $$;

create trigger ledger_check_balances_insert after insert on models_user
    referencing new table as after
    for each statement execute function ledger_check_balances();
create trigger ledger_check_balances_update after update on models_user
    referencing old table as before new table as after
    for each statement execute function ledger_check_balances();

-- A user with anything on an account cannot be deleted. The records keep the number of a deleted user.
create or replace function ledger_guard_user() returns trigger language plpgsql as $$
begin
    perform from ledger_account where user_id = old.id order by id for update;
    if exists (select from ledger_account where user_id = old.id and (balance <> 0 or held <> 0)) then
        raise exception 'user % has something on an account and cannot be deleted', old.id
            using errcode = 'LG002', constraint = 'ledger_user_has_balance', table = 'models_user';
    end if;
    update models_operation set operation_user_id = null where operation_user_id = old.id;
    update models_operation set machine_owner_id = null where machine_owner_id = old.id;
    update models_entry set user_id = null where user_id = old.id;
    return old;
end $$;

create trigger ledger_guard_user before delete on models_user
    for each row execute function ledger_guard_user();
