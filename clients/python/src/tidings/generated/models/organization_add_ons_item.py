from typing import Literal

OrganizationAddOnsItem = Literal["api_access", "crm_integrations"]

ORGANIZATION_ADD_ONS_ITEM_VALUES: set[OrganizationAddOnsItem] = {
    "api_access",
    "crm_integrations",
}


def check_organization_add_ons_item(value: str) -> OrganizationAddOnsItem:
    if value in ORGANIZATION_ADD_ONS_ITEM_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {ORGANIZATION_ADD_ONS_ITEM_VALUES!r}"
    )
