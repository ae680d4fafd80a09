-- Return how many entries an account had at a time: the version of its last entry whose time of recording and
-- id do not come after the arguments. Both ascend with the versions, which have no gaps. So a binary search finds
-- it: an account with a million entries takes twenty lookups.
create function ledger_version_at(account bigint, at timestamptz, entry bigint) returns bigint
language plpgsql stable as $$
declare
    least bigint := 0;
    most bigint := (select version from ledger_account where id = account);
    middle bigint;
begin
    while least < most loop
        middle := (least + most + 1) / 2;
        if exists (
            select from models_entry
            where account_id = account and account_version = middle and (recorded_at, id) <= (at, entry)
        ) then
            least := middle;
        else
            most := middle - 1;
        end if;
    end loop;
    return least;
end $$;
