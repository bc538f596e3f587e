// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A backend, and short ways to say what the contract's tests say often.

#include "backend/backend.hpp"

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

namespace motet::contract {

/// A way to make one of the backends that the contract holds for.
struct subject {
  std::string name;
  std::function<std::unique_ptr<backend>()> make;
};

/// Adds a backend to those that every test runs on.
struct registered {
  registered(std::string name, std::function<std::unique_ptr<backend>()> make);
};

struct connection {
  int near;
  int far;
};

class host {
 public:
  explicit host(std::unique_ptr<backend> made) : backend_(std::move(made)) {}

  backend& operator*() noexcept { return *backend_; }
  backend* operator->() noexcept { return backend_.get(); }

  /// Polls once. @returns whether anything came back; `collect` will find it.
  bool poll(time_point until);

  /// Polls until all of these are back; fails if that takes long, or if one came twice.
  /// @returns them in the order in which they came.
  std::vector<operation*> collect(const std::vector<operation*>& expected);

  /// Submits and collects. @returns the result.
  std::int32_t perform(request what);

  /// Whether nothing comes back for now.
  bool quiet();

  /// A listener on some port of 127.0.0.1, closed with the host.
  int listen(int backlog = 16);
  sockaddr_storage name_of(int fd, endpoint_side side = endpoint_side::local);

  /// Two ends of a connection, closed with the host.
  connection connect();
  void close(int fd);
  /// Without the backend's knowledge.
  void close_behind_its_back(int fd);

  std::int32_t send(int fd, std::string_view text);
  /// Receives once, at most 64 bytes. @returns what came, or the error's number.
  std::string receive(int fd);

  /// Sends until no more goes in. @returns how many bytes went in.
  std::size_t fill(int fd);

  ~host();

 private:
  std::unique_ptr<backend> backend_;
  std::vector<operation*> early_;  ///< Back, and not collected yet.
  std::unordered_set<operation*> is_early_;
  std::vector<int> open_;
};

/// Runs `scenario` on each backend.
void on_each_backend(const std::function<void(host&)>& scenario);

/// Runs `scenario` on the backend of this name, if it was built.
void on_backend(std::string_view name, const std::function<void(host&)>& scenario);

inline const sockaddr* as_sockaddr(const sockaddr_storage& address) noexcept {
  return reinterpret_cast<const sockaddr*>(&address);
}

inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text));
}

}  // namespace motet::contract
