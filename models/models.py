"""All tables, in the module where Django looks for them when it loads the app."""

from models.billing import Credit, CreditIXIOO, Debit, DebitIXIOO, Entry, Operation
from models.consulting import ConsultingRequest
from models.data_lines_operation import DataLinesOperation
from models.encdec_configuration import EncDecConfiguration
from models.graph import Graph
from models.logger import EasyAutoMLLogger
from models.machine import Machine
from models.machine_billing import Billing
from models.machine_table_lock_write import MachineTableLockWrite
from models.nn_model import NNModel
from models.server import Server
from models.team import Team, TeamInvitationAcceptance
from models.user import User
from models.work import Work

__all__ = [
    "Billing",
    "ConsultingRequest",
    "Credit",
    "CreditIXIOO",
    "DataLinesOperation",
    "Debit",
    "DebitIXIOO",
    "EasyAutoMLLogger",
    "EncDecConfiguration",
    "Entry",
    "Graph",
    "Machine",
    "MachineTableLockWrite",
    "NNModel",
    "Operation",
    "Server",
    "Team",
    "TeamInvitationAcceptance",
    "User",
    "Work",
]
