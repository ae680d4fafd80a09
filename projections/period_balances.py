"""The frozen balances of closed periods, derived from the entries."""

from typing import Any, Final

# One pass over the entries, however many periods are closed.
SUMMED: Final = """
    with monthly as materialized (
        select account_id, date_trunc('month', effective_at at time zone 'UTC') as began,
               coalesce(sum(amount) filter (where side = 'D'), 0) as debits,
               coalesce(sum(amount) filter (where side = 'C'), 0) as credits
        from models_entry
        group by 1, 2),
    closed as (
        select month, to_date(month, 'YYYY-MM') as began from unnest(%(closed)s::text[]) as asked(month)),
    summed as (
        select c.month, m.account_id, sum(m.debits) as debits, sum(m.credits) as credits,
               sum(case a.normal_side when 'D' then m.debits - m.credits
                                      else m.credits - m.debits end) as balance
        from closed c
        join monthly m on m.began <= c.began
        join ledger_account a on a.id = m.account_id
        group by c.month, m.account_id)"""
"""`summed`: totals per account up to the end of each month of `closed`."""


def mend(cursor: Any) -> int:
    """Make the frozen balances agree with the entries; return the number of rows that differed.

    Runs in the caller's transaction, which must hold the lock on periods.
    """
    cursor.execute("select month from ledger_period where state = 'closed' order by month")
    closed = [row[0] for row in cursor.fetchall()]
    cursor.execute(
        f"create temporary table summed on commit drop as {SUMMED} select * from summed",  # noqa: S608
        {"closed": closed},
    )
    cursor.execute(
        """delete from ledger_period_balance b
           where not exists (
               select from summed s where (s.month, s.account_id) = (b.month, b.account_id))""",
    )
    deleted = int(cursor.rowcount)
    cursor.execute(
        """insert into ledger_period_balance as b (month, account_id, debits, credits, balance)
           select month, account_id, debits, credits, balance from summed
           on conflict (month, account_id) do update
           set debits = excluded.debits, credits = excluded.credits, balance = excluded.balance
           where (b.debits, b.credits, b.balance)
                 is distinct from (excluded.debits, excluded.credits, excluded.balance)""",
    )
    written = int(cursor.rowcount)
    cursor.execute("drop table pg_temp.summed")
    return deleted + written
