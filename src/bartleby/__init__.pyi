# What `bartleby` offers, and where it is: read by the lazy loader, and by type checkers.
from . import annotation as annotation
from . import choices as choices
from . import figures as figures
from . import inference as inference
from . import leaving as leaving
from . import models as models
from . import patterns as patterns
from . import self_reports as self_reports
from . import tables as tables
from .analysis.choice.model import choice_model as choice_model
from .analysis.coding.coder_agreement import coder_agreement as coder_agreement
from .analysis.coding.prevalence import prevalence as prevalence
from .analysis.exits.rates import exits as exits
from .analysis.rates.differences import difference as difference
from .analysis.rates.effects import effects as effects
from .analysis.rates.means import mean as mean
from .analysis.rates.rates import rate as rate
from .collectors.checking import check_log as check_log
from .errors import BartlebyError as BartlebyError
from .exchange import Settings as Settings
from .outcome import Outcome as Outcome
from .studies.caps import Caps as Caps
from .studies.codebook import Codebook as Codebook
from .studies.design.graphs import AllPairs as AllPairs
from .studies.design.graphs import SparsePairs as SparsePairs
from .studies.design.graphs import SwissRounds as SwissRounds
from .studies.items import Task as Task
from .studies.load import load as load
from .studies.loading import load_scenarios as load_scenarios
from .studies.loading import load_tasks as load_tasks
from .studies.paradigms.end_conversation import EndConversation as EndConversation
from .studies.paradigms.opt_out import OptOut as OptOut
from .studies.paradigms.task_choice import TaskChoice as TaskChoice
from .studies.scenarios import Scenario as Scenario
from .studies.study import Study as Study
from .verbs.logs import export as export
from .verbs.logs import read as read
from .verbs.logs import status as status
from .verbs.reporting import report as report
from .verbs.research import init as init
from .verbs.running import check as check
from .verbs.running import collect as collect
from .verbs.running import run as run
from .verbs.running import run_battery as run_battery

__all__: list[str]
__version__: str
