// SPDX-License-Identifier: MIT
#include "test/contract/host.hpp"

#include "backend/make_backend.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <unistd.h>

namespace motet::contract {
namespace {

std::vector<subject>& subjects() {
  static std::vector<subject> all;
  return all;
}

void run_on(const subject& chosen, const std::function<void(host&)>& scenario) {
  CAPTURE(chosen.name);
  std::unique_ptr<backend> made;
  try {
    made = chosen.make();
  } catch (const std::system_error& refused) {
    MESSAGE("not tested: ", chosen.name, ", ", std::string(refused.what()));
    return;
  }
  host on(std::move(made));
  scenario(on);
}

/// Until the peer has acknowledged all that is under way, there may be room again.
bool nothing_unacknowledged(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  REQUIRE(::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
  return info.tcpi_unacked == 0;
}

const registered sim("sim", [] { return make_backend(engine::sim); });

}  // namespace

registered::registered(std::string name, std::function<std::unique_ptr<backend>()> make) {
  subjects().push_back({std::move(name), std::move(make)});
}

void on_each_backend(const std::function<void(host&)>& scenario) {
  for (const subject& each : subjects())
    run_on(each, scenario);
}

void on_backend(std::string_view name, const std::function<void(host&)>& scenario) {
  for (const subject& each : subjects())
    if (each.name == name) run_on(each, scenario);
}

host::~host() {
  for (const int fd : open_)
    (void)backend_->answer(close_call{fd});
}

std::vector<operation*> host::collect(const std::vector<operation*>& expected) {
  std::unordered_set<operation*> missing(expected.begin(), expected.end());
  std::vector<operation*> back;
  const time_point too_late = backend_->now() + 10s;
  for (;;) {
    for (operation* const op : std::exchange(early_, {})) {
      const bool wanted = missing.erase(op) != 0;
      if (wanted) is_early_.erase(op);
      (wanted ? back : early_).push_back(op);
    }
    if (missing.empty()) return back;
    REQUIRE_MESSAGE(backend_->now() < too_late, missing.size(), " never came back");
    poll(too_late);
  }
}

bool host::poll(time_point until) {
  operation* const first = backend_->poll(until);
  for (operation* op = first; op != nullptr; op = op->next) {
    const bool first_time = is_early_.insert(op).second;
    REQUIRE_MESSAGE(first_time, "came back twice");
    early_.push_back(op);
  }
  return first != nullptr;
}

std::int32_t host::perform(request what) {
  operation op{what};
  backend_->submit(op);
  collect({&op});
  return op.result;
}

bool host::quiet() {
  bool quiet = true;
  for (int i = 0; i < 40; ++i)
    quiet = !poll(time_point::min()) && quiet;
  return quiet;
}

int host::listen(int backlog) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* const address = reinterpret_cast<const sockaddr*>(&any);
  const int fd =
      backend_->answer(open_listener_call{address, sizeof any, backlog, false});
  REQUIRE(fd >= 0);
  open_.push_back(fd);
  return fd;
}

sockaddr_storage host::name_of(int fd, endpoint_side side) {
  sockaddr_storage name{};
  REQUIRE(backend_->answer(socket_name_call{fd, side, &name}) == sizeof(sockaddr_in));
  return name;
}

connection host::connect() {
  const int listener = listen();
  const sockaddr_storage name = name_of(listener);
  const int near = backend_->answer(open_stream_call{AF_INET});
  REQUIRE(near >= 0);
  REQUIRE(perform(connect_request{near, as_sockaddr(name), sizeof(sockaddr_in)}) == 0);
  const int far = perform(accept_request{listener});
  REQUIRE(far >= 0);
  close(listener);
  open_.insert(open_.end(), {near, far});
  return {near, far};
}

void host::close(int fd) {
  std::erase(open_, fd);
  REQUIRE(backend_->answer(close_call{fd}) == 0);
}

void host::close_behind_its_back(int fd) {
  std::erase(open_, fd);
  REQUIRE(::close(fd) == 0);
}

std::int32_t host::send(int fd, std::string_view text) {
  return perform(send_request{fd, bytes_of(text)});
}

std::string host::receive(int fd) {
  std::array<char, 64> space{};
  const std::int32_t result =
      perform(receive_request{fd, std::as_writable_bytes(std::span(space))});
  if (result < 0) return std::to_string(result);
  return {space.data(), static_cast<std::size_t>(result)};
}

std::size_t host::fill(int fd) {
  const std::vector<std::byte> block(std::size_t{64} * 1024);
  std::size_t total = 0;
  for (;;) {
    const bool settled = backend_->simulated() || nothing_unacknowledged(fd);
    operation op{send_request{fd, block, transfer::some}};
    backend_->submit(op);
    backend_->cancel(op);
    collect({&op});
    if (op.result == -ECANCELED && settled) return total;
    REQUIRE((op.result > 0 || op.result == -ECANCELED));
    total += static_cast<std::size_t>(std::max(op.result, 0));
  }
}

}  // namespace motet::contract
