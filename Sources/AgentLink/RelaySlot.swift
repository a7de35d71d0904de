import Logging
import NIOCore
import SMPClient
import SMPProtocol

/// One relay of the profile: its client while connected, its back-off while not.
///
/// Confined to the link's actor.
final class RelaySlot {
    let server: SMPServer
    private(set) var client: SMPClient?
    private(set) var isConnecting = false
    /// Grows with every connection made, so that what belongs to an earlier one is told apart.
    private(set) var generation = 0
    private(set) var error: AgentLinkError?
    private var failures = 0
    private var retry: Scheduled<Void>?
    private var waiters: [CheckedContinuation<Result<SMPClient, AgentLinkError>, Never>] = []
    private var reader: Task<Void, Never>?

    init(_ server: SMPServer) { self.server = server }

    /// Whether the first attempt since start is still without an outcome.
    var isFirstAttempt: Bool { isConnecting && generation == 0 && error == nil }

    func beginConnecting() {
        isConnecting = true
        retry?.cancel()
        retry = nil
    }

    /// The connection stands; `reader` takes what the relay pushes.
    func connected(_ client: SMPClient, reader: (Int) -> Task<Void, Never>) {
        isConnecting = false
        self.client = client
        generation += 1
        failures = 0
        error = nil
        self.reader = reader(generation)
        resume(.success(client))
    }

    /// The attempt failed or the connection is lost.
    /// - Returns: after how many seconds to try again: 1, 2, 4 … 60.
    func failed(_ error: AgentLinkError) -> Int {
        isConnecting = false
        client = nil
        self.error = error
        let delay = min(60, 1 << min(failures, 6))
        failures += 1
        resume(.failure(error))
        return delay
    }

    func schedule(_ retry: Scheduled<Void>) {
        self.retry?.cancel()
        self.retry = retry
    }

    /// The client, once the attempt under way has an outcome.
    func wait(isolation: isolated (any Actor)? = #isolation) async throws(AgentLinkError) -> SMPClient {
        let outcome = await withCheckedContinuation { waiters.append($0) }
        return try outcome.get()
    }

    func shutDown() {
        retry?.cancel()
        client?.close()
        client = nil
        resume(.failure(.stopped))
    }

    private func resume(_ outcome: Result<SMPClient, AgentLinkError>) {
        let waiting = waiters
        waiters = []
        for waiter in waiting { waiter.resume(returning: outcome) }
    }
}

extension AgentLink {
    /// The slot of a relay, made when it is first needed.
    func slot(_ server: SMPServer) -> RelaySlot {
        let key = server.identity
        // One relay carries message after message.
        if let lastSlot, lastSlot.server.identity == key { return lastSlot }
        let slot = relays[key] ?? RelaySlot(server)
        relays[key] = slot
        lastSlot = slot
        return slot
    }

    /// Starts connecting unless that is under way, done, or waiting for its next try.
    func need(_ server: SMPServer) {
        let slot = slot(server)
        if slot.client == nil, !slot.isConnecting, slot.error == nil { connect(slot) }
    }

    /// The connected client of a relay: at once, after the attempt under way, or that attempt's error.
    func client(_ server: SMPServer) async throws(AgentLinkError) -> SMPClient {
        let slot = slot(server)
        if let client = slot.client { return client }
        if isStopping { throw .stopped }
        if !slot.isConnecting {
            if let error = slot.error { throw error }
            connect(slot)
        }
        return try await slot.wait()
    }

    /// One attempt to connect.
    func connect(_ slot: RelaySlot) {
        guard !isStopping else { return }
        slot.beginConnecting()
        let server = slot.server
        Task { await self.attempt(server) }
    }

    private func attempt(_ server: SMPServer) async {
        let slot = slot(server)
        do {
            // The generation that `connected` gives: nothing is pushed before a subscription.
            let coming = slot.generation + 1
            let client = try await SMPClient.connect(
                to: server, on: loop, timeouts: configuration.timeouts, versions: configuration.versions,
                encryptsBlocks: configuration.encryptsBlocks, route: configuration.route,
                deliver: { [weak self] push in
                    self?.assumeIsolated { $0.receive(push, from: server, generation: coming) }
                }, logger: logger)
            guard !isStopping else { return client.close() }
            slot.connected(client) { generation in
                Task {
                    for await _ in client.pushes {}
                    self.lost(server, generation: generation, client.closeReason)
                }
            }
            tell(.relayUp(server))
            for connection in inStartOrder() { relayIsUp(connection, server) }
        } catch {
            down(slot, AgentLinkError(error, server))
        }
    }

    private func lost(_ server: SMPServer, generation: Int, _ reason: SMPClientError?) {
        let slot = slot(server)
        guard slot.generation == generation else { return }
        for connection in connections.values { relayIsLost(connection, server) }
        down(
            slot,
            reason.map { AgentLinkError($0, server) } ?? .relayUnreachable("\(server.display) closed the connection"))
    }

    private func down(_ slot: RelaySlot, _ error: AgentLinkError) {
        let delay = slot.failed(error)
        guard !isStopping else { return }
        tell(.relayDown(slot.server, error, retryIn: delay))
        let server = slot.server
        slot.schedule(
            loop.scheduleTask(in: configuration.retryUnit * delay) { [weak self] in
                self?.assumeIsolated { link in
                    let slot = link.slot(server)
                    if slot.client == nil, !slot.isConnecting { link.connect(slot) }
                }
            })
    }

    /// Contacts first, then file connections, then those still being made.
    func inStartOrder() -> [Connection] {
        connections.values.sorted { left, right in
            (left.row.state == .connected ? 0 : 1, left.row.kind == .contact ? 0 : 1, left.row.id.rawValue)
                < (right.row.state == .connected ? 0 : 1, right.row.kind == .contact ? 0 : 1, right.row.id.rawValue)
        }
    }

    /// Goes on with everything of a connection that waited for this relay.
    private func relayIsUp(_ connection: Connection, _ server: SMPServer) {
        if connection.receive?.server.identity == server.identity { subscribe(connection) }
        if connection.send?.server.identity == server.identity {
            retryFullQueue(connection)
            flush(connection)
            connection.resumeRoomWaiters()
        }
        advance(connection)
    }

    private func relayIsLost(_ connection: Connection, _ server: SMPServer) {
        if connection.receive?.server.identity == server.identity { connection.unsubscribed() }
        if connection.send?.server.identity == server.identity { connection.window.disconnected() }
    }
}
