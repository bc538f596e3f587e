// SPDX-License-Identifier: MIT
#include "backend/posix/calls.hpp"
#include "backend/sim/sim_address.hpp"
#include "backend/sim/sim_network.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <variant>

namespace motet {

namespace {

bool knows(int family) noexcept {
  return family == AF_INET || family == AF_INET6 || family == AF_UNIX;
}

}  // namespace

std::int32_t sim_network::answer(const call& question) {
  const std::int32_t failed = faults_.error_of(question);
  const bool closes = std::holds_alternative<close_call>(question);
  if (failed != 0 && !closes) return failed;
  const std::int32_t result =
      std::visit([this](const auto& ask) { return answer_one(ask); }, question);
  settle();
  return failed != 0 ? failed : result;
}

std::int32_t sim_network::answer_one(const open_stream_call& ask) {
  return knows(ask.family) ? make_socket(ask.family).fd : -EAFNOSUPPORT;
}

std::int32_t sim_network::answer_one(const open_listener_call& ask) {
  sim_address wanted;
  if (const int failed = read_address(ask.address, ask.length, wanted)) return failed;
  if (port_of(wanted) == 0) set_port(wanted, unused_port());
  if (taken(listeners_, wanted, ask.reuse_port, ask.v6_only)) return -EADDRINUSE;
  std::uint64_t inode = 0;
  if (const int failed = claim_path(wanted, inode)) return failed;
  sim_socket& made = make_socket(wanted.bytes.ss_family);
  made.is = sim_socket::role::listening;
  made.local = wanted;
  made.limit = static_cast<std::size_t>(std::max(ask.backlog, 0));
  made.shares_port = ask.reuse_port;
  made.inode = inode;
  made.v6_only = ask.v6_only;
  listeners_.push_back(made.fd);
  return made.fd;
}

std::int32_t sim_network::answer_one(const open_pipe_call& ask) {
  sim_socket& reader = make_socket(AF_UNSPEC);
  sim_socket& writer = make_socket(AF_UNSPEC);
  reader.is = sim_socket::role::pipe_reader;
  writer.is = sim_socket::role::pipe_writer;
  reader.peer = writer.fd;
  writer.peer = reader.fd;
  *ask.ends = {reader.fd, writer.fd};
  return 0;
}

std::int32_t sim_network::answer_one(const shut_down_call& ask) {
  sim_socket* const at = find_open(ask.fd);
  if (at == nullptr) return -EBADF;
  if (at->is_pipe()) return -ENOTSOCK;
  const bool receiving = ask.how == SHUT_RD || ask.how == SHUT_RDWR;
  const bool sending = ask.how == SHUT_WR || ask.how == SHUT_RDWR;
  if (!receiving && !sending) return -EINVAL;
  touch(at->fd);
  if (at->is == sim_socket::role::listening) {
    if (receiving) stop_listening(*at);
    return 0;
  }
  if (at->is == sim_socket::role::fresh || at->broken) return -ENOTCONN;
  if (receiving) at->deaf = true;
  if (sending) at->sent_all = true;
  sim_socket* const peer = find(at->peer);
  if (sending && peer != nullptr)
    transmit(*peer, {sim_parcel::kind::end}, faults_.conditions.least_delay);
  return 0;
}

std::int32_t sim_network::answer_one(const close_call& ask) {
  if (ask.fd < first_descriptor) return answer_by_system_call(ask);
  sim_socket* const at = find_open(ask.fd);
  if (at == nullptr) return -EBADF;
  at->open = false;
  touch(at->fd);
  return 0;
}

std::int32_t sim_network::answer_one(const open_pair_call& ask) {
  sim_socket& near = make_socket(AF_UNIX);
  if (ask.type == SOCK_DGRAM) {
    sim_socket& far = make_socket(AF_UNIX);
    near.datagrams = far.datagrams = true;
    near.remote = far.remote = near.local;
    near.peer = far.fd;
    far.peer = near.fd;
    ask.ends[1] = far.fd;
  } else {
    sim_socket& far = connect(near, near.local);
    far.queued = false;
    far.open = true;
    ask.ends[1] = far.fd;
  }
  ask.ends[0] = near.fd;
  return 0;
}

/// Options change nothing here, but for what a socket may be asked.
std::int32_t sim_network::answer_one(const set_option_call& ask) {
  return find_open(ask.fd) != nullptr ? 0 : -EBADF;
}

std::int32_t sim_network::answer_one(const get_option_call& ask) {
  sim_socket* const at = find_open(ask.fd);
  if (at == nullptr) return -EBADF;
  std::ranges::fill(ask.value, std::byte{});
  if (ask.level != SOL_SOCKET || ask.name != SO_ERROR) return 0;
  const int error = -std::exchange(at->error, 0);
  std::memcpy(ask.value.data(), &error, std::min(sizeof error, ask.value.size()));
  return 0;
}

std::int32_t sim_network::answer_one(const find_socket_file_call& ask) {
  const auto found = files_.find(ask.path);
  if (found == files_.end()) return -ENOENT;
  *ask.found = {0, found->second};
  return 0;
}

std::int32_t sim_network::answer_one(const remove_socket_file_call& ask) {
  const auto found = files_.find(ask.path);
  if (found == files_.end() || found->second != ask.which.inode) return -ENOENT;
  files_.erase(found);
  return 0;
}

std::int32_t sim_network::answer_one(const find_host_call& ask) {
  const auto& hosts = faults_.conditions.hosts;
  const auto found = hosts.find(ask.name);
  if (found == hosts.end()) return -ENOENT;
  *ask.found = found->second;
  return 0;
}

std::int32_t sim_network::answer_one(const socket_name_call& ask) {
  sim_socket* const at = find_open(ask.fd);
  if (at == nullptr) return -EBADF;
  if (at->is_pipe()) return -ENOTSOCK;
  const bool peer = ask.side == endpoint_side::peer;
  const bool connected =
      at->datagrams ? at->remote.length != 0 : at->is == sim_socket::role::connected;
  if (peer && (!connected || at->broken)) return -ENOTCONN;
  const sim_address& name = peer ? at->remote : at->local;
  *ask.address = name.bytes;
  return static_cast<std::int32_t>(name.length);
}

sim_socket& sim_network::make_socket(int family) {
  // Numbers are never used twice: a stale one is no stranger's socket, but -EBADF.
  const int fd = next_fd_++;
  sim_socket& made = sockets_[fd];
  made.fd = fd;
  made.local = no_address(family);
  return made;
}

sim_socket* sim_network::find(int fd) {
  const auto found = sockets_.find(fd);
  return found == sockets_.end() ? nullptr : &found->second;
}

sim_socket* sim_network::find_open(int fd) {
  sim_socket* const found = find(fd);
  return found != nullptr && found->open ? found : nullptr;
}

/// Of those that share a port, the one with the fewest connections waiting.
sim_socket* sim_network::find_listener(const sim_address& called) {
  sim_socket* best = nullptr;
  for (const int fd : listeners_) {
    sim_socket& listener = sockets_.at(fd);
    if (!hears(listener.local, called, listener.v6_only)) continue;
    if (!has_its_file(listener)) continue;
    if (best == nullptr || listener.backlog.size() < best->backlog.size())
      best = &listener;
  }
  return best;
}

bool sim_network::taken(const std::vector<int>& by, const sim_address& wanted,
                        bool shares_port, bool v6_only) const {
  if (!path_of(wanted).empty()) return false;  // the file decides
  return std::any_of(by.begin(), by.end(), [&](int fd) {
    const sim_socket& other = sockets_.at(fd);
    const bool clash =
        hears(other.local, wanted, other.v6_only) || hears(wanted, other.local, v6_only);
    return clash && !(shares_port && other.shares_port);
  });
}

/// The file of a Unix socket stays when its socket is closed.
int sim_network::claim_path(const sim_address& wanted, std::uint64_t& inode) {
  const std::string path = path_of(wanted);
  if (path.empty()) return 0;
  inode = next_inode_++;
  return files_.try_emplace(path, inode).second ? 0 : -EADDRINUSE;
}

/// Not if it was bound to one that is gone, or has made room for another.
bool sim_network::has_its_file(const sim_socket& at) const {
  if (at.inode == 0) return true;
  const auto found = files_.find(path_of(at.local));
  return found != files_.end() && found->second == at.inode;
}

std::uint16_t sim_network::unused_port() {
  sim_address any = no_address(AF_INET6);
  do {
    set_port(any, next_port_);
    next_port_ =
        next_port_ == 60'999 ? 32'768 : static_cast<std::uint16_t>(next_port_ + 1);
  } while (taken(listeners_, any, false, false) || taken(receivers_, any, false, false));
  return port_of(any);
}

std::size_t sim_network::open_descriptors() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(sockets_.begin(), sockets_.end(),
                    [](const auto& entry) { return entry.second.open; }));
}

}  // namespace motet
