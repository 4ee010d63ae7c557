#!/bin/bash
# Prepares a node of a cluster.
modprobe br_netfilter
sysctl -w net.bridge.bridge-nf-call-iptables=1
cat <<EOF | sudo tee /etc/sysctl.d/k8s.conf
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding=1
EOF
swapoff -a
sudo dnf install -y kubelet-1.31.2 kubeadm kubectl --disableexcludes=kubernetes
sudo dnf remove -y zram-generator-defaults || true
grep -q CONFIG_CGROUP_BPF=y /boot/config-$(uname -r) || echo "no BPF"
zgrep 'CONFIG_USER_NS' /proc/config.gz
sudo -u postgres psql -c 'select 1'
su - oracle -c "dnf --version; lsnrctl status"
chown root:kvm /dev/kvm
id nobody >/dev/null 2>&1 || useradd nobody
find / -name '*.pyc' -exec rm -f {} +
cat pkgs.txt | xargs dnf install -y lsof
eval "$(ssh-agent)"
( cd /tmp && tar xf - ) < /dev/null
systemctl --user enable podman.socket
timeout 30 systemctl restart containerd
service docker start
if systemctl is-active --quiet firewalld; then firewall-cmd --reload; fi
yum-config-manager --add-repo https://download.example.com/linux/centos/docker.repo
dnf config-manager --set-enabled crb
dnf swap -y vim-minimal vim-enhanced
dnf builddep -y app.spec
zypper -n install -y libopenssl-devel
