"""Contains all the data models used in inputs/outputs"""

from .answer import Answer
from .attempt import Attempt
from .audit_entry import AuditEntry
from .batch_event_input import BatchEventInput
from .batch_event_input_data import BatchEventInputData
from .batch_input import BatchInput
from .batch_result_type_0 import BatchResultType0
from .batch_result_type_1 import BatchResultType1
from .batch_results import BatchResults
from .counts import Counts
from .counts_outcomes import CountsOutcomes
from .delivery import Delivery
from .delivery_detail import DeliveryDetail
from .delivery_detail_body_type_0 import DeliveryDetailBodyType0
from .delivery_reason_type_0 import DeliveryReasonType0
from .delivery_round import DeliveryRound
from .delivery_state import DeliveryState
from .differing_headers import DifferingHeaders
from .endpoint import Endpoint
from .endpoint_headers import EndpointHeaders
from .endpoint_input import EndpointInput
from .endpoint_input_headers import EndpointInputHeaders
from .endpoint_patch import EndpointPatch
from .endpoint_patch_headers import EndpointPatchHeaders
from .endpoint_patch_held import EndpointPatchHeld
from .endpoint_stats_step import EndpointStatsStep
from .endpoint_status import EndpointStatus
from .erasure import Erasure
from .event import Event
from .event_accepted import EventAccepted
from .event_detail import EventDetail
from .event_detail_data_type_0 import EventDetailDataType0
from .event_detail_deliveries import EventDetailDeliveries
from .event_input import EventInput
from .event_input_data import EventInputData
from .event_type import EventType
from .event_type_audience import EventTypeAudience
from .event_type_example_type_0 import EventTypeExampleType0
from .event_type_input import EventTypeInput
from .event_type_input_example import EventTypeInputExample
from .event_type_input_schema import EventTypeInputSchema
from .event_type_schema_type_0 import EventTypeSchemaType0
from .event_types import EventTypes
from .field_problem import FieldProblem
from .field_problem_code import FieldProblemCode
from .get_openapi_response_200 import GetOpenapiResponse200
from .header import Header
from .headers_to_compare import HeadersToCompare
from .headers_to_compare_headers import HeadersToCompareHeaders
from .health import Health
from .health_status import HealthStatus
from .key import Key
from .key_input import KeyInput
from .key_input_scope import KeyInputScope
from .key_scope import KeyScope
from .list_audit_entry import ListAuditEntry
from .list_deliveries_state import ListDeliveriesState
from .list_delivery import ListDelivery
from .list_endpoint import ListEndpoint
from .list_event import ListEvent
from .list_key import ListKey
from .list_organization import ListOrganization
from .organization import Organization
from .organization_add_ons_item import OrganizationAddOnsItem
from .organization_input import OrganizationInput
from .organization_input_add_ons_item import OrganizationInputAddOnsItem
from .organization_stats_step import OrganizationStatsStep
from .percentiles import Percentiles
from .portal_link import PortalLink
from .portal_link_input import PortalLinkInput
from .portal_link_input_role import PortalLinkInputRole
from .portal_link_role import PortalLinkRole
from .problem import Problem
from .problem_code import ProblemCode
from .replay import Replay
from .replay_include_item import ReplayIncludeItem
from .replay_input import ReplayInput
from .replay_input_include_item import ReplayInputIncludeItem
from .replay_state import ReplayState
from .retention import Retention
from .retry_accepted import RetryAccepted
from .retry_accepted_reason import RetryAcceptedReason
from .retry_accepted_state import RetryAcceptedState
from .rotated_secret import RotatedSecret
from .rotation_input import RotationInput
from .secrets import Secrets
from .stats import Stats
from .stats_point import StatsPoint
from .test_input import TestInput
from .test_result import TestResult
from .timing import Timing
from .webhooks_input import WebhooksInput
from .webhooks_input_held import WebhooksInputHeld

__all__ = (
    "Answer",
    "Attempt",
    "AuditEntry",
    "BatchEventInput",
    "BatchEventInputData",
    "BatchInput",
    "BatchResultType0",
    "BatchResultType1",
    "BatchResults",
    "Counts",
    "CountsOutcomes",
    "Delivery",
    "DeliveryDetail",
    "DeliveryDetailBodyType0",
    "DeliveryReasonType0",
    "DeliveryRound",
    "DeliveryState",
    "DifferingHeaders",
    "Endpoint",
    "EndpointHeaders",
    "EndpointInput",
    "EndpointInputHeaders",
    "EndpointPatch",
    "EndpointPatchHeaders",
    "EndpointPatchHeld",
    "EndpointStatsStep",
    "EndpointStatus",
    "Erasure",
    "Event",
    "EventAccepted",
    "EventDetail",
    "EventDetailDataType0",
    "EventDetailDeliveries",
    "EventInput",
    "EventInputData",
    "EventType",
    "EventTypeAudience",
    "EventTypeExampleType0",
    "EventTypeInput",
    "EventTypeInputExample",
    "EventTypeInputSchema",
    "EventTypeSchemaType0",
    "EventTypes",
    "FieldProblem",
    "FieldProblemCode",
    "GetOpenapiResponse200",
    "Header",
    "HeadersToCompare",
    "HeadersToCompareHeaders",
    "Health",
    "HealthStatus",
    "Key",
    "KeyInput",
    "KeyInputScope",
    "KeyScope",
    "ListAuditEntry",
    "ListDeliveriesState",
    "ListDelivery",
    "ListEndpoint",
    "ListEvent",
    "ListKey",
    "ListOrganization",
    "Organization",
    "OrganizationAddOnsItem",
    "OrganizationInput",
    "OrganizationInputAddOnsItem",
    "OrganizationStatsStep",
    "Percentiles",
    "PortalLink",
    "PortalLinkInput",
    "PortalLinkInputRole",
    "PortalLinkRole",
    "Problem",
    "ProblemCode",
    "Replay",
    "ReplayIncludeItem",
    "ReplayInput",
    "ReplayInputIncludeItem",
    "ReplayState",
    "Retention",
    "RetryAccepted",
    "RetryAcceptedReason",
    "RetryAcceptedState",
    "RotatedSecret",
    "RotationInput",
    "Secrets",
    "Stats",
    "StatsPoint",
    "TestInput",
    "TestResult",
    "Timing",
    "WebhooksInput",
    "WebhooksInputHeld",
)
