# SPDX-License-Identifier: Apache-2.0
"""The XML that oned makes of its objects: VM, datastore, host, and the requests to drivers that carry them.

Elements stand in oned's order. A scalar of a TEMPLATE is CDATA, other text is escaped; an empty element of a request's head is <X/>.
"""
import time
from xml.sax.saxutils import escape

OWNER = "<UID>0</UID><GID>0</GID><UNAME>oneadmin</UNAME><GNAME>oneadmin</GNAME>"
RIGHTS = ("<PERMISSIONS><OWNER_U>1</OWNER_U><OWNER_M>1</OWNER_M><OWNER_A>0</OWNER_A><GROUP_U>0</GROUP_U><GROUP_M>0</GROUP_M>"
          "<GROUP_A>0</GROUP_A><OTHER_U>0</OTHER_U><OTHER_M>0</OTHER_M><OTHER_A>0</OTHER_A></PERMISSIONS>")


def element(name, text):
    """An element with plain text; <NAME/> if there is none."""
    text = str(text)
    return f"<{name}>{escape(text)}</{name}>" if text else f"<{name}/>"


def cdata(text):
    return "<![CDATA[" + str(text).replace("]]>", "]]]]><![CDATA[>") + "]]>"


def attributes(values):
    """What is in a TEMPLATE: names in alphabetical order, vectors and lists of them as repeated elements."""
    out = []
    for name in sorted(values):
        for value in values[name] if isinstance(values[name], list) else [values[name]]:
            inner = attributes(value) if isinstance(value, dict) else cdata(value)
            out.append(f"<{name}>{inner}</{name}>")
    return "".join(out)


def history(record):
    fields = (("OID", "vm"), ("SEQ", "seq"), ("HOSTNAME", "host"), ("HID", "hid"))
    out = "".join(element(name, record[key]) for name, key in fields) + "<CID>0</CID>"
    out += element("STIME", record["stime"]) + element("ETIME", record["etime"])
    out += f"<VM_MAD>{cdata('brume')}</VM_MAD><TM_MAD>{cdata('brume')}</TM_MAD>" + element("DS_ID", record["ds"])
    out += "<PLAN_ID>-1</PLAN_ID><ACTION_ID>0</ACTION_ID>"
    out += element("PSTIME", record["stime"]) + element("PETIME", record["rstime"]) + element("RSTIME", record["rstime"])
    out += element("RETIME", record["retime"]) + "<ESTIME>0</ESTIME><EETIME>0</EETIME>"
    return f"<HISTORY>{out}<ACTION>0</ACTION><UID>-1</UID><GID>-1</GID><REQUEST_ID>-1</REQUEST_ID></HISTORY>"


def vm(machine):
    """A VM as `onevm show -x` prints it, and as requests and deployment files carry it."""
    deploy_id = f"<DEPLOY_ID>{escape(machine.deploy_id)}</DEPLOY_ID>"
    monitoring = attributes(machine.monitoring)
    records = "".join(history(record) for record in machine.history)
    return (f"<VM><ID>{machine.id}</ID>{OWNER}{element('NAME', machine.name)}{RIGHTS}<LAST_POLL>0</LAST_POLL>"
            f"<STATE>{machine.state}</STATE><LCM_STATE>{machine.lcm}</LCM_STATE><PREV_STATE>{machine.state}</PREV_STATE>"
            f"<PREV_LCM_STATE>{machine.lcm}</PREV_LCM_STATE><RESCHED>0</RESCHED><STIME>{machine.stime}</STIME><ETIME>0</ETIME>{deploy_id}"
            f"<MONITORING>{monitoring}</MONITORING><SCHED_ACTIONS></SCHED_ACTIONS><TEMPLATE>{attributes(machine.template)}</TEMPLATE>"
            f"<USER_TEMPLATE>{attributes(machine.user_template)}</USER_TEMPLATE><HISTORY_RECORDS>{records}</HISTORY_RECORDS>"
            "<BACKUPS><BACKUP_CONFIG></BACKUP_CONFIG><BACKUP_IDS></BACKUP_IDS></BACKUPS></VM>")


SYSTEM_DS = {"ALLOW_ORPHANS": "YES", "DISK_TYPE": "FILE", "DS_LIVE_MIGRATE": "NO", "DS_MIGRATE": "YES", "DS_MIGRATE_SNAP": "NO",
             "PERSISTENT_SNAPSHOTS": "NO", "RESTRICTED_DIRS": "/", "SAFE_DIRS": "/var/tmp", "SHARED": "NO", "TM_MAD": "brume",
             "TYPE": "SYSTEM_DS"}


def system_datastore(number, path):
    return (f"<DATASTORE><ID>{number}</ID>{OWNER}<NAME>brume-system</NAME>{RIGHTS}<DS_MAD>{cdata('-')}</DS_MAD><TM_MAD>{cdata('brume')}"
            f"</TM_MAD><BASE_PATH>{cdata(path)}</BASE_PATH><TYPE>1</TYPE><DISK_TYPE>0</DISK_TYPE><STATE>0</STATE><CLUSTERS><ID>0</ID>"
            "</CLUSTERS><TOTAL_MB>0</TOTAL_MB><FREE_MB>0</FREE_MB><USED_MB>0</USED_MB><IMAGES></IMAGES>"
            f"<TEMPLATE>{attributes(SYSTEM_DS)}</TEMPLATE></DATASTORE>")


def action(machine, host, datastore, local="", remote="", checkpoint="", commands="", rollback="", target="", deploy_id=""):
    """VMM_DRIVER_ACTION_DATA: what a request to the VMM driver carries."""
    def lines(name, text):
        return f"<{name}>{cdata(text)}</{name}>" if text else f"<{name}/>"
    head = (element("HOST", host) + "<MIGR_HOST/>" + element("DEPLOY_ID", deploy_id) + element("LOCAL_DEPLOYMENT_FILE", local)
            + element("REMOTE_DEPLOYMENT_FILE", remote) + element("CHECKPOINT_FILE", checkpoint) + lines("TM_COMMAND", commands)
            + lines("TM_COMMAND_ROLLBACK", rollback) + element("DISK_TARGET_PATH", target))
    return f"<VMM_DRIVER_ACTION_DATA>{head}{vm(machine)}{datastore}</VMM_DRIVER_ACTION_DATA>"


def host_of_monitord(host, driver, configuration):
    """MONITOR_DRIVER_ACTION: the reduced record of a host, and monitord.conf."""
    record = (f"<HOST><ID>{host.id}</ID>{element('NAME', host.name)}<STATE>{host.state}</STATE><PREV_STATE>{host.state}</PREV_STATE>"
              f"<IM_MAD>{cdata(driver)}</IM_MAD><VM_MAD>{cdata(driver)}</VM_MAD><CLUSTER_ID>0</CLUSTER_ID><CLUSTER>default</CLUSTER></HOST>")
    return (f"<MONITOR_DRIVER_ACTION>{record}<MONITOR_CONFIGURATION>{attributes(configuration)}</MONITOR_CONFIGURATION>"
            "</MONITOR_DRIVER_ACTION>")


def host(record):
    """A host as `onehost show -x` prints it, shortened."""
    share = element("MAX_CPU", record.capacity.get("TOTALCPU", "")) + element("MAX_MEM", record.capacity.get("TOTALMEMORY", ""))
    return (f"<HOST><ID>{record.id}</ID>{element('NAME', record.name)}<STATE>{record.state}</STATE><PREV_STATE>{record.state}</PREV_STATE>"
            f"<IM_MAD>{cdata('brume')}</IM_MAD><VM_MAD>{cdata('brume')}</VM_MAD><CLUSTER_ID>0</CLUSTER_ID><CLUSTER>default</CLUSTER>"
            f"<HOST_SHARE>{share}</HOST_SHARE><VMS></VMS><TEMPLATE>{attributes(record.template)}</TEMPLATE>"
            f"<MONITORING>{attributes(record.monitoring)}</MONITORING></HOST>")


def context_file(values):
    """context.sh, from which the guest learns its CONTEXT."""
    lines = ["# Context variables generated by OpenNebula"]
    lines += ["%s='%s'" % (name, str(values[name]).replace("'", "'\\''")) for name in sorted(values)]
    return "\n".join(lines) + "\n"


def stamp(seconds):
    """The time at the head of a line of a log."""
    return time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(seconds))
