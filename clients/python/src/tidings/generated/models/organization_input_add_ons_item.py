from typing import Literal

OrganizationInputAddOnsItem = Literal["api_access", "crm_integrations"]

ORGANIZATION_INPUT_ADD_ONS_ITEM_VALUES: set[OrganizationInputAddOnsItem] = {
    "api_access",
    "crm_integrations",
}


def check_organization_input_add_ons_item(value: str) -> OrganizationInputAddOnsItem:
    if value in ORGANIZATION_INPUT_ADD_ONS_ITEM_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {ORGANIZATION_INPUT_ADD_ONS_ITEM_VALUES!r}"
    )
