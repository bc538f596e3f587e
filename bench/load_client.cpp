// SPDX-License-Identifier: MIT

#include "load_client.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace bench {

messages::messages(int size) : pattern_(static_cast<std::size_t>(size) + period) {
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    pattern_[i] = static_cast<char>(i * 31 % period);
  }
}

int make_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket", errno);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const linger reset{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  return fd;
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

client::client(const load_options& options)
    : options_(options),
      messages_(options.size),
      peers_(static_cast<std::size_t>(options.connections)) {
  for (peer& p : peers_)
    connect_peer(p);
  set_up_ring();
  set_up_buffers();
  for (unsigned i = 0; i < count(); ++i)
    arm_receive(i);
}

void client::connect_peer(peer& p) const {
  p.fd = make_socket();
  const sockaddr_in address = loopback(options_.port);
  if (connect(p.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    die("connect", errno);
  }
}

void client::set_up_ring() {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE;
  params.cq_entries = 32768;
  int result = io_uring_queue_init_params(4096, &ring_, &params);
  if (result != 0) die("set up a ring", -result);
  std::vector<int> fds;
  for (const peer& p : peers_)
    fds.push_back(p.fd);
  result = io_uring_register_files(&ring_, fds.data(), count());
  if (result != 0) die("register descriptors", -result);
}

void client::set_up_buffers() {
  buffer_size_ = static_cast<unsigned>(std::max(options_.size, 256));
  bytes_.resize(std::size_t{buffer_count} * buffer_size_);
  void* entries = aligned_alloc(4096, buffer_count * sizeof(io_uring_buf));
  if (entries == nullptr) die("allocate a buffer ring", ENOMEM);
  buffers_ = static_cast<io_uring_buf_ring*>(entries);
  std::memset(entries, 0, buffer_count * sizeof(io_uring_buf));
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(entries);
  registration.ring_entries = buffer_count;
  const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (result != 0) die("register a buffer ring", -result);
  io_uring_buf_ring_init(buffers_);
  for (unsigned i = 0; i < buffer_count; ++i)
    give_back(i);
  publish_buffers();
}

void client::give_back(unsigned index) {
  io_uring_buf_ring_add(buffers_, bytes_.data() + std::size_t{index} * buffer_size_,
                        buffer_size_, static_cast<unsigned short>(index),
                        buffer_count - 1, returned_++);
}

void client::publish_buffers() {
  io_uring_buf_ring_advance(buffers_, returned_);
  returned_ = 0;
}

io_uring_sqe* client::next_entry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    io_uring_submit(&ring_);
    entry = io_uring_get_sqe(&ring_);
  }
  return entry;
}

void client::arm_receive(unsigned index) {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_recv_multishot(entry, static_cast<int>(index), nullptr, 0, 0);
  entry->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  entry->user_data = std::uint64_t{index} << 1;
}

void client::send_message(unsigned index) {
  peers_[index].got = 0;
  io_uring_sqe* entry = next_entry();
  io_uring_prep_send(entry, static_cast<int>(index), messages_.of(index),
                     static_cast<std::size_t>(options_.size), MSG_WAITALL | MSG_NOSIGNAL);
  entry->flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = std::uint64_t{index} << 1 | 1;
}

void client::wait() {
  __kernel_timespec limit{0, 20'000'000};
  io_uring_cqe* first = nullptr;
  io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
}

void client::poll() {
  const unsigned flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
  const bool something = (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
  if (something || io_uring_sq_ready(&ring_) > 0) io_uring_submit_and_get_events(&ring_);
}

/// Returns whether a message is complete.
bool client::take(const io_uring_cqe& completion) {
  if (completion.user_data == LIBURING_UDATA_TIMEOUT) return false;
  if ((completion.user_data & 1) != 0) return fail("send", -completion.res);
  const auto index = static_cast<unsigned>(completion.user_data >> 1);
  bool complete = false;
  if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
    const unsigned buffer = completion.flags >> IORING_CQE_BUFFER_SHIFT;
    if (completion.res > 0) complete = take_bytes(index, buffer, completion.res);
    give_back(buffer);
  }
  if (completion.res == 0) return fail("the server hung up", EPIPE);
  if (completion.res < 0 && completion.res != -ENOBUFS) {
    return fail("receive", -completion.res);
  }
  if ((completion.flags & IORING_CQE_F_MORE) == 0) arm_receive(index);
  return complete;
}

bool client::take_bytes(unsigned index, unsigned buffer, int length) {
  peer& p = peers_[index];
  if (p.got + length > options_.size) return fail("more came back than was sent", EPROTO);
  const char* bytes = bytes_.data() + std::size_t{buffer} * buffer_size_;
  const auto size = static_cast<std::size_t>(length);
  if (std::memcmp(bytes, messages_.of(index) + p.got, size) != 0) {
    return fail("other bytes came back than were sent", EPROTO);
  }
  p.got += length;
  return p.got == options_.size;
}

/// An error ends its connection's part in the load; the others go on.
bool client::fail(const char* what, int error) {
  if (errors_++ < 3) std::fprintf(stderr, "load: %s: %s\n", what, std::strerror(error));
  return false;
}

}  // namespace bench
