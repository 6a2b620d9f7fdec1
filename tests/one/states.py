# SPDX-License-Identifier: Apache-2.0
"""Numbers of VM states in OpenNebula 7.5, as XML has them."""

PENDING, HOLD, ACTIVE, STOPPED, SUSPENDED, DONE, POWEROFF, UNDEPLOYED = 1, 2, 3, 4, 5, 6, 8, 9
STATE = {1: "PENDING", 2: "HOLD", 3: "ACTIVE", 4: "STOPPED", 5: "SUSPENDED", 6: "DONE", 8: "POWEROFF", 9: "UNDEPLOYED"}

LCM = {0: "LCM_INIT", 1: "PROLOG", 2: "BOOT", 3: "RUNNING", 6: "SAVE_SUSPEND", 11: "EPILOG", 12: "SHUTDOWN", 16: "UNKNOWN",
       17: "HOTPLUG", 18: "SHUTDOWN_POWEROFF", 19: "BOOT_UNKNOWN", 20: "BOOT_POWEROFF", 21: "BOOT_SUSPENDED", 23: "CLEANUP_DELETE",
       24: "HOTPLUG_SNAPSHOT", 25: "HOTPLUG_NIC", 29: "SHUTDOWN_UNDEPLOY", 30: "EPILOG_UNDEPLOY", 31: "PROLOG_UNDEPLOY",
       32: "BOOT_UNDEPLOY", 36: "BOOT_FAILURE", 39: "PROLOG_FAILURE", 40: "EPILOG_FAILURE", 42: "EPILOG_UNDEPLOY_FAILURE",
       45: "PROLOG_UNDEPLOY_FAILURE", 46: "BOOT_UNDEPLOY_FAILURE", 57: "DISK_SNAPSHOT", 62: "DISK_RESIZE", 66: "HOTPLUG_RESIZE"}
LCM_NUMBER = {word: number for number, word in LCM.items()}


def word(state, lcm):
    """What a user sees: the state, or of an active VM its LCM state."""
    return LCM[lcm] if state == ACTIVE else STATE[state]
