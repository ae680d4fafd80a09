"""A model of holds, payouts, contracts, coupons, reversals and adjustments, counted in the smallest unit.

It was written from the description of the business alone. It shares no code with the ledger's domain, so the
two only agree if both are right. Times are whole seconds. The model does not sweep: it leaves out what has
expired wherever it reads state.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor

UNIT = 10**8

# The tariff of a fresh installation, in smallest units.
TRAINING_CELL = 1_000
LINE = 10_000
COMMISSION_PERCENT = 20
TOKENS_PER_USD = 100
CREDIT_LIMIT = 1_000 * UNIT
ALONE_MAX = 1_000 * UNIT
DAY = 86_400


class Refused(Exception):
    """The command is refused. `code` is that of the rejection, or `undecided`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Purse:
    """The balances and debts of a user. A limit of None: the tariff's."""

    usd: int = 0
    eaml: int = 0
    due_usd: int = 0
    due_eaml: int = 0
    limit: int | None = None


@dataclass
class Coupon:
    """A grant. `expires` None: never. `pays_bills` is its scope."""

    number: int
    user: int
    left: int
    priority: int
    expires: int | None
    pays_bills: bool


@dataclass
class Prices:
    """The prices of a tariff, in force from a second on.

    Lines after the first `above` ones cost `further`.
    """

    since: int
    line: int = LINE
    cell: int = TRAINING_CELL
    percent: int = COMMISSION_PERCENT
    above: int | None = None
    further: int = 0

    def lines(self, count: int, *, after: int = 0) -> int:
        """Return the price of `count` lines that follow the first `after` lines."""
        if self.above is None:
            return self.line * count
        cheap = max(0, min(self.above, after + count) - after)
        return self.line * cheap + self.further * (count - cheap)


@dataclass
class Held:
    """A hold, with the prices of its lines and the number of lines captured."""

    user: int
    left: int
    prices: Prices
    expires: int
    used: int = 0
    state: str = "open"


@dataclass
class Done:
    """A recorded operation that may be reversed, as far as anything is left of it.

    `parts` are the rests of its legs by name, `coupons` the amounts that each grant paid, in that order.
    """

    kind: str
    payer: int
    total: int
    parts: dict[str, int] = field(default_factory=dict)
    coupons: list[list[int]] = field(default_factory=list)
    payee: int = 0
    grant: int = -1
    left: int = 0
    disputed: bool = False

    def __post_init__(self) -> None:
        self.left = self.total


@dataclass
class Code:
    """A coupon code."""

    amount: int
    most: int | None
    until: int | None
    valid: int | None
    users: set[int] = field(default_factory=set)


@dataclass
class Payout:
    """Money on its way to a bank: set aside while the payout is requested."""

    user: int
    amount: int
    state: str = "requested"


@dataclass
class Contract:
    """A consulting contract: the offer, and once it is signed, the escrow and the batch of the signing."""

    client: int
    consultant: int
    amount: int
    percent: int = 0
    escrow: int = 0
    state: str = "offered"
    signed_in: int = -1


@dataclass
class Proposed:
    """An adjustment that waits for a second person."""

    user: int
    account: str
    change: int
    actor: str
    expires: int
    state: str = "open"


class MoneyModel:
    """The whole ledger, decision by decision. Every method changes the state or raises `Refused`."""

    def __init__(self) -> None:
        self.now = 0
        self.day_began = 0
        self.purses: dict[int, Purse] = {}
        self.owners: dict[int, int] = {}
        self.prices: dict[int, int] = {}
        self.coupons: list[Coupon] = []
        self.holds: dict[str, Held] = {}
        self.payouts: dict[str, Payout] = {}
        self.contracts: dict[int, Contract] = {}
        self.batch = 0
        """Counts what was sent together: a contract ends in a later batch than it was signed in."""
        self.codes: dict[str, Code] = {}
        self.done: list[Done] = []
        self.proposed: list[Proposed] = []
        self.alone: dict[tuple[str, int, str], int] = {}
        self.published = [Prices(-(10**9))]
        self.own: list[tuple[int, int, int | None]] = []

    # Prices.

    def publish(self, prices: Prices) -> None:
        self.published.append(prices)

    def publish_own(self, user: int, since: int, line: int | None) -> None:
        """Publish this user's price of a line. None: the price for everybody again."""
        self.own.append((user, since, line))

    def prices_of(self, user: int) -> Prices:
        """Return the prices in force for a user: of those from the same second, the last published."""
        prices = max((each for each in reversed(self.published) if each.since <= self.now), key=_since)
        own = [
            (since, line) for owner, since, line in reversed(self.own) if owner == user and since <= self.now
        ]
        line = max(own, key=lambda each: each[0])[1] if own else None
        return prices if line is None else replace(prices, line=line, above=None)

    # State.

    def live(self, user: int, at: int | None = None) -> list[Coupon]:
        """Return the coupons that are worth something, in the order they are spent."""
        now = self.now if at is None else at
        found = [
            each
            for each in self.coupons
            if each.user == user and each.left and (each.expires is None or each.expires > now)
        ]
        never = max([0, *(each.expires for each in found if each.expires is not None)]) + 1
        return sorted(
            found,
            key=lambda each: (each.priority, never if each.expires is None else each.expires, each.number),
        )

    def held(self, user: int) -> int:
        """Return the user's tokens that are set aside."""
        return sum(each.left for each in self.holds.values() if each.user == user and self._is_open(each))

    def held_usd(self, user: int) -> int:
        """Return the user's USD that are set aside."""
        return sum(
            each.amount for each in self.payouts.values() if each.user == user and each.state == "requested"
        )

    def spendable(self, user: int) -> int:
        """Return the user's USD that are not set aside."""
        return self.purses[user].usd - self.held_usd(user)

    def shown(self, user: int) -> tuple[int, int, int, int, int, int]:
        """Return USD, tokens, tokens held, coupons, and the dues in both currencies."""
        purse = self.purses[user]
        worth = sum(each.left for each in self.live(user))
        return purse.usd, purse.eaml, self.held(user), worth, purse.due_usd, purse.due_eaml

    # Operations.

    def top_up(self, user: int, amount: int) -> None:
        self._add_money(user, "usd", amount)
        self.done.append(Done("payment", user, amount))

    def bill(self, user: int, amount: int) -> None:
        paying = [each for each in self.live(user) if each.pays_bills]
        by_coupons = min(amount, sum(each.left for each in paying))
        if self.spendable(user) < amount - by_coupons:
            raise Refused("insufficient_funds")
        spent = self._spend(paying, by_coupons)
        self.purses[user].usd -= amount - by_coupons
        tokens = amount * TOKENS_PER_USD
        self._add_money(user, "eaml", tokens)
        parts = {"usd": amount - by_coupons, "tokens": tokens}
        self.done.append(Done("bill", user, amount, parts, spent))

    def solve(self, user: int, lines: int) -> None:
        self._charge(user, self.prices_of(user).lines(lines), limited=True)

    def train(self, machine: int, columns: int, lines: int) -> None:
        owner = self.owners[machine]
        self._charge(owner, self.prices_of(owner).cell * columns * lines, limited=True)

    def copy(self, user: int, machine: int) -> None:
        seller, gross = self.owners[machine], self.prices[machine]
        if seller == user:
            raise Refused("own_machine")
        if self.spendable(user) < gross:
            raise Refused("insufficient_funds")
        commission = (gross * self.prices_of(seller).percent + 50) // 100
        self.purses[user].usd -= gross
        self._add_money(seller, "usd", gross - commission)
        parts = {"seller": gross - commission, "commission": commission}
        self.done.append(Done("sale", user, gross, parts, payee=seller))

    # Holds.

    def place(self, hold: str, user: int, lines: int, expires: int) -> None:
        if hold in self.holds:
            raise Refused("hold_exists")
        if expires <= self.now:
            raise Refused("expiry_passed")
        prices = self.prices_of(user)
        amount = prices.lines(lines)
        if self.purses[user].eaml - self.held(user) < amount:
            raise Refused("insufficient_funds")
        self.holds[hold] = Held(user, amount, prices, expires)

    def capture(self, hold: str, lines: int, at: int, *, final: bool) -> None:
        found = self.holds.get(hold)
        if found is None:
            raise Refused("undecided")
        if found.state != "open" or at >= found.expires:
            raise Refused("hold_resolved")
        cost, user = found.prices.lines(lines, after=found.used), found.user
        found.used += lines
        if self._is_open(found):
            within = min(cost, found.left)
            found.left -= within
            self.purses[user].eaml -= within
        else:
            within = found.left = 0
        self._charge(user, cost - within, limited=False, paid_before=within)
        if final:
            found.state = "captured"

    def void(self, hold: str) -> None:
        found = self.holds.get(hold)
        if found is None:
            raise Refused("undecided")
        if not self._is_open(found):
            raise Refused("hold_resolved")
        found.state = "voided"

    # Payouts.

    def request_payout(self, payout: str, user: int, amount: int) -> None:
        if payout in self.payouts:
            raise Refused("payout_exists")
        if self.spendable(user) - self.purses[user].due_usd < amount:
            raise Refused("insufficient_funds")
        self.payouts[payout] = Payout(user, amount)

    def end_payout(self, payout: str, *, paid: bool) -> None:
        found = self.payouts.get(payout)
        if found is None:
            raise Refused("undecided")
        if found.state != "requested":
            raise Refused("payout_resolved")
        found.state = "paid" if paid else "failed"
        if paid:
            self.purses[found.user].usd -= found.amount
            self.done.append(Done("payout", found.user, found.amount))

    # Consulting.

    def sign(self, contract: int) -> None:
        found = self.contracts[contract]
        if found.state != "offered":
            raise Refused("contract_not_offered")
        if self.spendable(found.client) < found.amount:
            raise Refused("insufficient_funds")
        found.state, found.escrow, found.signed_in = "signed", found.amount, self.batch
        found.percent = self.prices_of(found.consultant).percent
        self.purses[found.client].usd -= found.amount
        self.done.append(Done("contract", found.client, 0))

    def end(self, contract: int, part: int | None) -> None:
        """End a contract. `part` goes to the consultant; None: all of it."""
        found = self.contracts[contract]
        if found.state == "offered" or found.signed_in == self.batch:
            raise Refused("contract_unknown")
        if found.state != "signed":
            raise Refused("contract_ended")
        gross = found.escrow if part is None else part
        if gross > found.escrow:
            raise Refused("insufficient_funds")
        commission = (gross * found.percent + 50) // 100
        self._add_money(found.consultant, "usd", gross - commission)
        self._add_money(found.client, "usd", found.escrow - gross)
        found.state, found.escrow = "ended", 0
        self.done.append(Done("contract", found.client, 0))

    # Coupons.

    def grant(self, user: int, amount: int, priority: int, expires: int | None, *, pays_bills: bool) -> None:
        if expires is not None and expires <= self.now:
            raise Refused("expiry_passed")
        self._give(user, amount, priority, expires, pays_bills=pays_bills)

    def create_code(self, name: str, code: Code) -> None:
        if name in self.codes:
            raise Refused("code_exists")
        self.codes[name] = code

    def redeem(self, name: str, user: int) -> None:
        code = self.codes.get(name)
        if code is None:
            raise Refused("code_unknown")
        if code.until is not None and code.until <= self.now:
            raise Refused("code_expired")
        if user in code.users:
            raise Refused("already_redeemed")
        if code.most is not None and len(code.users) >= code.most:
            raise Refused("code_exhausted")
        code.users.add(user)
        self._give(user, code.amount, 100, None if code.valid is None else self.now + code.valid * DAY)

    # Reversals.

    def reverse(self, number: int, part: int | None, *, as_loss: bool) -> None:
        done = self.done[number]
        if done.kind in {"reversal", "contract"}:
            raise Refused("not_reversible")
        if part is None:
            part = done.left
        if done.left == 0 or part > done.left:
            raise Refused("nothing_left_to_reverse")
        getattr(self, f"_reverse_{done.kind}")(done, part, as_loss)
        done.left -= part
        self.done.append(Done("reversal", done.payer, 0))

    def charge_back(self, number: int, part: int | None) -> None:
        done = self.done[number]
        if done.kind != "payment":
            raise Refused("not_reversible")
        if done.disputed:
            raise Refused("already_disputed")
        self.reverse(number, None if part is None else min(part, done.left) or part, as_loss=False)
        done.disputed = True

    def _reverse_payout(self, done: Done, part: int, _: bool) -> None:
        self._add_money(done.payer, "usd", part)

    def _reverse_payment(self, done: Done, part: int, _: bool) -> None:
        self._give_back(done.payer, "usd", part)

    def _reverse_compute(self, done: Done, part: int, _: bool) -> None:
        purse = self.purses[done.payer]
        was_due = min(part, done.parts["due"])
        done.parts["due"] -= was_due
        forgiven = min(was_due, purse.due_eaml)
        purse.due_eaml -= forgiven
        self._add_money(done.payer, "eaml", part - forgiven)

    def _reverse_sale(self, done: Done, part: int, as_loss: bool) -> None:
        exact = {leg: Fraction(part * left, done.left) for leg, left in done.parts.items()}
        shares = {leg: floor(share) for leg, share in exact.items()}
        if missing := part - sum(shares.values()):
            assert missing == 1
            shares[max(exact, key=lambda leg: exact[leg] - shares[leg])] += 1
        for leg, share in shares.items():
            done.parts[leg] -= share
        self._give_back(done.payee, "usd", shares["seller"], as_loss=as_loss)
        self._add_money(done.payer, "usd", part)

    def _reverse_bill(self, done: Done, part: int, _: bool) -> None:
        tokens = min(done.parts["tokens"], ceil(Fraction(done.parts["tokens"] * part, done.left)))
        done.parts["tokens"] -= tokens
        self._give_back(done.payer, "eaml", tokens)
        money = min(part, done.parts["usd"])
        done.parts["usd"] -= money
        self._add_money(done.payer, "usd", money)
        self._restore(done, part - money)

    def _reverse_coupon(self, done: Done, part: int, _: bool) -> None:
        coupon = self.coupons[done.grant]
        worth = coupon.left if coupon.expires is None or coupon.expires > self.now else 0
        if worth < part:
            raise Refused("insufficient_funds")
        coupon.left -= part

    def _reverse_taken_coupons(self, done: Done, part: int, _: bool) -> None:
        self._restore(done, part)

    def _reverse_added_usd(self, done: Done, part: int, _: bool) -> None:
        self._give_back(done.payer, "usd", part)

    def _reverse_added_eaml(self, done: Done, part: int, _: bool) -> None:
        self._give_back(done.payer, "eaml", part)

    def _reverse_taken_usd(self, done: Done, part: int, _: bool) -> None:
        self._add_money(done.payer, "usd", part)

    def _reverse_taken_eaml(self, done: Done, part: int, _: bool) -> None:
        self._add_money(done.payer, "eaml", part)

    def _reverse_added_due_usd(self, done: Done, part: int, _: bool) -> None:
        self._forgive(done.payer, "usd", part)

    def _reverse_added_due_eaml(self, done: Done, part: int, _: bool) -> None:
        self._forgive(done.payer, "eaml", part)

    def _reverse_taken_due_usd(self, done: Done, part: int, _: bool) -> None:
        self.purses[done.payer].due_usd += part

    def _reverse_taken_due_eaml(self, done: Done, part: int, _: bool) -> None:
        self.purses[done.payer].due_eaml += part

    # Adjustments.

    def adjust(self, user: int, account: str, change: int, actor: str) -> None:
        """Adjust an account.

        Raises `Refused` with the code `proposed` if another person has to approve it.
        """
        if change < 0:
            self._check_there_is(user, account, -change)
        key = actor, self.day, "eaml" if account.endswith("eaml") else "usd"
        if self.alone.get(key, 0) + abs(change) > ALONE_MAX:
            self.proposed.append(Proposed(user, account, change, actor, self.now + 7 * DAY))
            raise Refused("proposed")
        self.alone[key] = self.alone.get(key, 0) + abs(change)
        self._adjust(user, account, change)

    def resolve(self, number: int, actor: str, *, approve: bool) -> None:
        found = self.proposed[number]
        if found.state != "open":
            raise Refused("proposal_resolved")
        if found.expires <= self.now:
            raise Refused("proposal_expired")
        if approve and actor == found.actor:
            raise Refused("self_approval")
        if not approve:
            found.state = "declined"
            return
        if found.change < 0:
            self._check_there_is(found.user, found.account, -found.change)
        found.state = "approved"
        self._adjust(found.user, found.account, found.change)

    def set_limit(self, user: int, limit: int | None) -> None:
        self.purses[user].limit = limit

    @property
    def day(self) -> int:
        """Return the number of the day. Days begin at midnight, not at the start of the test's clock."""
        return (self.now + self.day_began) // DAY

    # Parts of the above.

    def _adjust(self, user: int, account: str, change: int) -> None:
        name = f"{'added' if change > 0 else 'taken'}_{account}".replace(":", "_")
        if account == "coupon":
            if change > 0:
                self._give(user, change, 100, None)
            else:
                spent = self._spend(self.live(user), -change)
                self.done.append(Done("taken_coupons", user, -change, coupons=spent))
            return
        if account.startswith("due:") or change < 0:
            field_ = account.replace(":", "_")
            purse = self.purses[user]
            setattr(purse, field_, getattr(purse, field_) + change)
        else:
            self._add_money(user, account, change)
        self.done.append(Done(name, user, abs(change)))

    def _check_there_is(self, user: int, account: str, amount: int) -> None:
        usd, eaml, held, worth, due_usd, due_eaml = self.shown(user)
        there = {
            "usd": usd - self.held_usd(user),
            "eaml": eaml - held,
            "coupon": worth,
            "due:usd": due_usd,
            "due:eaml": due_eaml,
        }
        if there[account] < amount:
            raise Refused("insufficient_funds")

    def _charge(self, payer: int, cost: int, *, limited: bool, paid_before: int = 0) -> None:
        purse = self.purses[payer]
        paid = min(cost, purse.eaml - self.held(payer))
        owed = cost - paid
        limit = CREDIT_LIMIT if purse.limit is None else purse.limit
        if limited and owed and purse.due_eaml + owed > limit:
            raise Refused("credit_limit_exceeded")
        purse.eaml -= paid
        purse.due_eaml += owed
        self.done.append(Done("compute", payer, paid_before + cost, {"due": owed}))

    def _give(
        self, user: int, amount: int, priority: int, expires: int | None, *, pays_bills: bool = True
    ) -> None:
        self.done.append(Done("coupon", user, amount, grant=len(self.coupons)))
        self.coupons.append(Coupon(len(self.coupons), user, amount, priority, expires, pays_bills))

    def _spend(self, coupons: list[Coupon], amount: int) -> list[list[int]]:
        spent = []
        for coupon in coupons:
            part = min(amount, coupon.left)
            if part:
                coupon.left -= part
                amount -= part
                spent.append([coupon.number, part])
        return spent

    def _restore(self, done: Done, amount: int) -> None:
        for spent in reversed(done.coupons):
            part = min(amount, spent[1])
            amount -= part
            spent[1] -= part
            coupon = self.coupons[spent[0]]
            if coupon.expires is None or coupon.expires > self.now:
                coupon.left += part

    def _add_money(self, user: int, name: str, amount: int) -> None:
        """Add money, paying down the due of the same currency first."""
        purse = self.purses[user]
        settled = min(amount, getattr(purse, f"due_{name}"))
        setattr(purse, f"due_{name}", getattr(purse, f"due_{name}") - settled)
        setattr(purse, name, getattr(purse, name) + amount - settled)

    def _give_back(self, user: int, name: str, amount: int, *, as_loss: bool = False) -> None:
        """Take what is available; the rest becomes due, or a loss."""
        purse = self.purses[user]
        held = self.held(user) if name == "eaml" else self.held_usd(user)
        available = getattr(purse, name) - held
        taken = min(amount, available)
        setattr(purse, name, getattr(purse, name) - taken)
        if not as_loss:
            setattr(purse, f"due_{name}", getattr(purse, f"due_{name}") + amount - taken)

    def _forgive(self, user: int, name: str, amount: int) -> None:
        purse = self.purses[user]
        owed = min(amount, getattr(purse, f"due_{name}"))
        setattr(purse, f"due_{name}", getattr(purse, f"due_{name}") - owed)
        setattr(purse, name, getattr(purse, name) + amount - owed)

    def _is_open(self, hold: Held) -> bool:
        return hold.state == "open" and hold.expires > self.now


def _since(prices: Prices) -> int:
    return prices.since
