# SPDX-License-Identifier: Apache-2.0
"""opennebula/install.sh on a self-contained OpenNebula that is only its folders, and the Debian package."""
import os
import re
import shutil
import subprocess

from harness import BUILD, TOP, Failure, Skip, test, work_dir
from one_fake import MONITORD_CONF, ONED_CONF

INSTALL = os.path.join(TOP, "opennebula/install.sh")


def location(name, oned=ONED_CONF, monitord=MONITORD_CONF):
    folder = os.path.join(work_dir(), name)
    for part in ("etc", "bin", "lib/mads", "var/remotes/tm"):
        os.makedirs(os.path.join(folder, part))
    for file, text in (("oned.conf", oned), ("monitord.conf", monitord)):
        with open(os.path.join(folder, "etc", file), "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(os.path.join(folder, "etc", file), 0o640)
    return folder


def install(*arguments, status=0, **environment):
    done = subprocess.run([INSTALL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env={**os.environ, **environment})
    if done.returncode != status:
        raise Failure(f"install.sh {arguments}: {done.returncode}\n{done.stdout}")
    return done.stdout


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as stream:
        return stream.read()


def tree(folder):
    """path -> (permissions, content) of all files."""
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as stream:
                found[os.path.relpath(path, folder)] = (os.stat(path).st_mode, stream.read())
    return found


@test
def installing_twice_is_installing_once():
    one = location("twice")
    said = install("-d", one)
    for words in ("front-end.crt", "onehost create NAME -i brume -v brume", "TM_MAD=local or ssh) cannot serve Brume hosts", "--datastores"):
        if words not in said:
            raise Failure(f"it does not say {words}:\n{said}")
    once = tree(one)
    for name in ("lib/mads/one_vmm_brume", "lib/mads/one_im_brume", "bin/brume-tm", "var/remotes/tm/brume/clone", "etc/brume/brumed.conf"):
        if name not in once:
            raise Failure(f"{name} is not there")
        if not name.endswith(".conf") and not once[name][0] & 0o111:
            raise Failure(f"{name} cannot be executed")
    for name, mode in (("etc/brume", 0o750), ("var/brume", 0o750), ("etc/oned.conf", 0o640)):
        if os.stat(os.path.join(one, name)).st_mode & 0o777 != mode:
            raise Failure(f"permissions of {name}")
    if os.getuid() == 0:
        os.chown(one, 65534, 65534)
        install("-d", one)
        if os.stat(os.path.join(one, "etc/brume")).st_uid != 65534:
            raise Failure("its owner cannot put keys there")
    if "changed" in install("-d", one) or tree(one) != once:
        raise Failure("the second time changed something")


@test
def folders_may_have_blanks_in_their_names():
    copy, one = os.path.join(work_dir(), "a copy"), location("one more")
    os.symlink(TOP, copy)
    subprocess.run([os.path.join(copy, "opennebula/install.sh"), "-d", one], check=True, stdout=subprocess.DEVNULL)
    plain = location("plain")
    install("-d", plain)
    if sorted(tree(one)) != sorted(tree(plain)):
        raise Failure(f"{sorted(tree(one))}, not {sorted(tree(plain))}")
    subprocess.run([os.path.join(copy, "opennebula/install.sh"), "-d", one, "--uninstall"], check=True, stdout=subprocess.DEVNULL)
    if os.path.exists(os.path.join(one, "lib/mads/one_vmm_brume")):
        raise Failure("a driver is still there")


@test
def oned_finds_what_it_needs():
    one = location("needs")
    install("-d", one)
    oned = read(one, "etc/oned.conf")
    for words in ('-d dummy,lvm,shared,ssh,local,brume"', '-s shared,ssh,local,brume"', '-d dummy,fs,lvm -s', '"-d never_read"', '"-t 15 -s old"',
                  'EXECUTABLE        = "one_vmm_brume"', 'TYPE              = "xml"', "TM_MAD_CONF = [", 'SHARED               = "NO"'):
        if words not in oned:
            raise Failure(f"oned.conf lacks {words}:\n{oned}")
    if 'EXECUTABLE    = "one_im_brume"' not in read(one, "etc/monitord.conf"):
        raise Failure("monitord.conf")
    for text, words in ((ONED_CONF.replace("ARGUMENTS", "arguments").replace("TM_MAD", "tm_mad"), "-d dummy,lvm,shared,ssh,local,brume"),
                        ('TM_MAD = [ EXECUTABLE = "one_tm", ARGUMENTS = "-d ssh -t 15" ]\n', '"-d ssh,brume -t 15" ]')):
        other = location(str(len(text)), text)
        install("-d", other)
        if words not in read(other, "etc/oned.conf"):
            raise Failure(read(other, "etc/oned.conf"))
        install("-d", other, "--uninstall")
        if read(other, "etc/oned.conf") != text:
            raise Failure(read(other, "etc/oned.conf"))
    # an older part is replaced, what others wrote behind it stays
    with open(os.path.join(one, "etc/oned.conf"), "w", encoding="utf-8") as stream:
        stream.write(oned.replace("-t 128", "-t 1") + "LATER = 1\n")
    install("-d", one)
    new = read(one, "etc/oned.conf")
    if new.count("one_vmm_brume") != 1 or "-t 128" not in new or "LATER = 1\n" not in new or new.count(",brume") != 2:
        raise Failure(new)


@test
def uninstalling_gives_the_files_back():
    for number, (oned, monitord) in enumerate(((ONED_CONF, MONITORD_CONF), (ONED_CONF.rstrip("\n"), MONITORD_CONF + "\n\n"), ("", "\n"))):
        one = location(f"back{number}", oned, monitord)
        before = tree(one)
        install("-d", one)
        install("-d", one)
        kept = {name: content for name, content in tree(one).items() if name.endswith(".before-brume")}
        for name in ("etc/oned.conf", "etc/monitord.conf"):
            if kept[name + ".before-brume"] != before[name]:
                raise Failure(f"{name}.before-brume is not what it was")
        install("-d", one, "--uninstall")
        after = tree(one)
        for name in ("etc/oned.conf", "etc/monitord.conf"):
            if after[name] != before[name]:
                raise Failure(f"{name} is not what it was: {after[name]}")
        rest = set(after) - set(before) - set(kept)
        if rest != {"etc/brume/brumed.conf"}:
            raise Failure(f"left behind: {rest}")


@test
def an_admin_s_brumed_conf_stays():
    one = location("stays")
    install("-d", one)
    with open(os.path.join(one, "etc/brume/brumed.conf"), "w", encoding="utf-8") as stream:
        stream.write("monitord_port = 4125\n")
    install("-d", one)
    if read(one, "etc/brume/brumed.conf") != "monitord_port = 4125\n":
        raise Failure("brumed.conf was replaced")


@test
def install_says_what_does_not_work():
    for arguments, words in ((("-d", "/nowhere"), "there is no folder /nowhere"), (("-d",), "-d needs a folder"), (("--stage",), "--stage needs")):
        if words not in install(*arguments, status=1):
            raise Failure(f"{arguments}")
    install("--nonsense", status=2)
    one = location("broken", 'TM_MAD = [ EXECUTABLE = "one_tm" ]\n')
    if "add brume to -d of TM_MAD's ARGUMENTS by hand" not in install("-d", one):
        raise Failure("no word of the list")
    os.unlink(os.path.join(one, "etc/oned.conf"))
    if "there is no" not in install("-d", one):
        raise Failure("no word of the missing file")
    if "make opennebula builds it" not in install("-d", one, status=1, BRUME_PROGRAMS="/nowhere"):
        raise Failure("no word of the programs")
    os.rmdir(os.path.join(one, "var/brume"))
    os.symlink("/etc", os.path.join(one, "var/brume"))
    if "var/brume is a symbolic link" not in install("-d", one, status=1):
        raise Failure("a link was followed")
    os.unlink(os.path.join(one, "var/brume"))
    if os.getuid() == 0:
        os.chmod(work_dir(), 0o755)
        shutil.copy(INSTALL, one)
        done = subprocess.run([os.path.join(one, "install.sh"), "-d", one], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, user=65534)
        if done.returncode != 1 or "only root or the owner" not in done.stdout:
            raise Failure(f"as nobody: {done.returncode} {done.stdout}")


@test
def datastores_are_created_once():
    one = location("stores")
    tool, log = os.path.join(one, "bin/onedatastore"), os.path.join(one, "asked")
    with open(tool, "w", encoding="ascii") as stream:
        stream.write(f'#!/bin/sh\necho "$1" >> {log}\n[ "$1" = create ] && cat "$2" >> {log}\n[ "$1" = create ] || grep -q "NAME = .$2" {log}\n')
    os.chmod(tool, 0o755)
    install("-d", one)
    before = tree(one)
    for _ in range(2):
        if "What is to do next" in install("-d", one, "--datastores"):
            raise Failure("it installs, too")
    asked = read(one, "asked")
    changed = [name for name, what in tree(one).items() if before.get(name) != what]
    if changed != ["asked"]:
        raise Failure(f"--datastores changes files: {changed}")
    if asked.count("create\n") != 3 or asked.count('TM_MAD = "brume"') != 3 or asked.count('DS_MAD = "fs"') != 2:
        raise Failure(asked)
    for kind in ("IMAGE_DS", "FILE_DS", "SYSTEM_DS"):
        if f'TYPE = "{kind}"' not in asked:
            raise Failure(asked)


def dpkg(root, *arguments):
    """dpkg into a folder, whose scripts run here and are told of it by DPKG_ROOT."""
    path = os.environ["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin"
    done = subprocess.run(["dpkg", f"--root={root}", "--force-script-chrootless", "--force-not-root", *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PATH": path}, check=False)
    if done.returncode:
        raise Failure(f"dpkg {arguments}: {done.stdout}")
    return done.stdout


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path


def frontend():
    """The package's file."""
    return os.path.join(BUILD, "deb", next(name for name in os.listdir(os.path.join(BUILD, "deb")) if name.endswith(".deb")))


def opennebula_package():
    """A package of which only one file matters: oned's."""
    folder = os.path.join(work_dir(), "opennebula")
    write(folder, "DEBIAN/control", "Package: opennebula\nVersion: 7.0\nArchitecture: all\nMaintainer: nobody <nobody@brume.example>\nDescription: oned\n")
    write(folder, "usr/bin/oned", "")
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", folder, folder + ".deb"], check=True, stdout=subprocess.PIPE)
    return folder + ".deb"


def empty_root(name):
    """A folder into which dpkg can install, and where it finds the libraries of ours: without them it runs no trigger."""
    root = os.path.join(work_dir(), name)
    depends = subprocess.run(["dpkg-deb", "-f", frontend(), "Depends"], check=True, stdout=subprocess.PIPE, text=True).stdout
    architecture = subprocess.run(["dpkg", "--print-architecture"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    write(root, "var/lib/dpkg/status", "".join(
        f"Package: {name}\nStatus: install ok installed\nMaintainer: nobody <nobody@brume.example>\nArchitecture: {architecture}\n"
        f"Version: 99:1\nDescription: a library\n\n" for name in re.findall(r"(\S+) \(", depends)))
    for folder in ("info", "updates", "triggers"):
        os.makedirs(os.path.join(root, "var/lib/dpkg", folder))
    return root


def stock_configuration(root):
    write(root, "etc/one/oned.conf", ONED_CONF)
    write(root, "etc/one/monitord.conf", MONITORD_CONF)


@test
def the_package_comes_and_goes():
    if os.getuid() != 0:
        raise Skip("dpkg gives files to root, which only root can")
    package, root = frontend(), empty_root("root")
    stock_configuration(root)
    said = dpkg(root, "-i", package)
    if "onehost create NAME -i brume -v brume" not in said:
        raise Failure(said)
    for name in ("usr/bin/brumed", "usr/lib/one/mads/one_vmm_brume", "var/lib/one/remotes/tm/brume/clone", "lib/systemd/system/brumed.service",
                 "etc/one/brume/brumed.conf", "etc/logrotate.d/brume-frontend", "usr/share/doc/brume-frontend/opennebula.md"):
        if not os.path.exists(os.path.join(root, name)):
            raise Failure(f"{name} is not there")
    if "/usr/share/doc/brume-frontend/opennebula.md" not in said:
        raise Failure(f"it does not say where the guide is: {said}")
    for name in re.findall(r"^(/\S+\.log)|\s(/\S+\.log)", read(root, "etc/logrotate.d/brume-frontend"), re.MULTILINE):
        write(root, (name[0] or name[1])[1:], "a day's lines\n")
    if ",brume" not in read(root, "etc/one/oned.conf") or "one_im_brume" not in read(root, "etc/one/monitord.conf"):
        raise Failure("not configured")
    if "What is to do next" in dpkg(root, "-i", package):
        raise Failure("an upgrade tells what is to do the first time")
    if len(os.listdir(os.path.join(root, "var/log/one"))) != 3:
        raise Failure("not all logs are rotated")
    dpkg(root, "-r", "brume-frontend")
    if read(root, "etc/one/oned.conf") != ONED_CONF or read(root, "etc/one/monitord.conf") != MONITORD_CONF:
        raise Failure("the configuration is not what it was")
    dpkg(root, "-P", "brume-frontend")
    rest = [name for name in tree(root) if not name.startswith("var/lib/dpkg/")]
    if sorted(rest) != ["etc/one/monitord.conf", "etc/one/oned.conf"]:
        raise Failure(f"left behind: {rest}")


@test
def the_package_finds_an_opennebula_that_comes_later():
    if os.getuid() != 0:
        raise Skip("dpkg gives files to root, which only root can")
    root = empty_root("later")
    said = dpkg(root, "-i", frontend())
    if "is OpenNebula installed?" not in said:
        raise Failure(said)
    stock_configuration(root)                     # as its package brings it, now and with each version whose files the admin takes
    dpkg(root, "-i", opennebula_package())
    if ",brume" not in read(root, "etc/one/oned.conf") or "one_im_brume" not in read(root, "etc/one/monitord.conf"):
        raise Failure("not configured after OpenNebula came")


@test
def the_package_depends_on_what_its_programs_need():
    package = frontend()
    depends = subprocess.run(["dpkg-deb", "-f", package, "Depends"], check=True, stdout=subprocess.PIPE, text=True).stdout
    for name in ("libc6", "libcurl4", "libjansson4", "libexpat1", "libmicrohttpd12", "libssl3", "zlib1g"):
        if name not in depends:
            raise Failure(depends)
    if shutil.which("lintian"):
        found = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", package], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               check=False)
        if found.returncode:
            raise Failure(found.stdout)
