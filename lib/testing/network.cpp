// SPDX-License-Identifier: MIT
#include "backend/sim/sim_backend.hpp"
#include "lib/core/scheduler.hpp"

#include <motet/endpoint.hpp>
#include <motet/error.hpp>
#include <motet/tcp.hpp>
#include <motet/testing_network.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace motet::testing {

/// What was, and where.
struct network::before {
  detail::scheduler& of;
  sim_network& net;
  sim_conditions conditions;
};

namespace {

sim_network& network_of(detail::scheduler& s) {
  auto* const sim = dynamic_cast<sim_backend*>(&s.kernel());
  if (sim == nullptr) {
    throw structure_error(std::string("testing::network on the ") + s.kernel().name() +
                          " backend: only a simulated network can be broken");
  }
  return sim->network();
}

/// Applies `change` to what holds now.
template <class Change>
void alter(sim_network& net, Change change) {
  sim_conditions wanted = net.conditions();
  change(wanted);
  net.set_conditions(std::move(wanted));
}

}  // namespace

network::network() {
  detail::scheduler& s = detail::here("testing::network");
  sim_network& net = network_of(s);
  before_.reset(new before{s, net, net.conditions()});
}

network::~network() {
  // One that outlives its run has nothing left to mend.
  if (detail::this_scheduler != &before_->of) return;
  before_->net.set_conditions(std::move(before_->conditions));
}

void network::delay(duration least, duration most) {
  alter(before_->net, [&](sim_conditions& now) {
    now.least_delay = std::max(least, duration::zero());
    now.most_delay = std::max(now.least_delay, most);
  });
}

void network::short_transfers(std::size_t most) {
  alter(before_->net,
        [&](sim_conditions& now) { now.piece = std::max(most, std::size_t{1}); });
}

void network::buffer(std::size_t bytes) {
  alter(before_->net,
        [&](sim_conditions& now) { now.buffer = std::max(bytes, std::size_t{1}); });
}

void network::refuse(std::uint16_t port) {
  alter(before_->net, [&](sim_conditions& now) { now.refused.insert(port); });
}

void network::cut(std::uint16_t port) {
  alter(before_->net, [&](sim_conditions& now) { now.cut.insert(port); });
}

void network::mend(std::uint16_t port) {
  alter(before_->net, [&](sim_conditions& now) {
    for (auto* const ports : {&now.refused, &now.cut}) {
      if (port == any_port) {
        ports->clear();
      } else {
        ports->erase(port);
      }
    }
  });
}

void network::lose(std::size_t datagrams) {
  alter(before_->net, [&](sim_conditions& now) { now.losses = datagrams; });
}

void network::host(std::string_view name,
                   std::initializer_list<std::string_view> addresses, duration lookup) {
  known_host made;
  made.lookup = lookup;
  for (const std::string_view address : addresses) {
    const endpoint parsed = endpoint::parse(address, 0);
    sockaddr_storage& to = made.addresses.emplace_back();
    std::memcpy(&to, parsed.system_address(), parsed.system_length());
  }
  alter(before_->net, [&](sim_conditions& now) {
    now.hosts.insert_or_assign(std::string(name), std::move(made));
  });
}

void network::reset(std::uint16_t port) {
  before_->net.reset_connections(port);
}

void network::fail(call which, int error, const fail_options& options) {
  if (options.times == 0) return;
  alter(before_->net, [&](sim_conditions& now) {
    now.failures.push_back({which, error, options.after, options.times, options.on});
  });
}

void network::chance(const faults& rates) {
  alter(before_->net, [&](sim_conditions& now) { now.rates = rates; });
}

connection network::pair() {
  const auto [near, far] = before_->net.make_pair();
  return {stream(near), stream(far)};
}

fault_counts network::counts() const noexcept {
  return before_->net.counts();
}

}  // namespace motet::testing
