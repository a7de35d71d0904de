import Guarding
import NIOCore
import Primitives

/// The core under a lock, and the ways to the connections: what all event loops share.
///
/// Nothing slow happens under the lock: signatures are verified and messages sealed by the connections.
package final class RelayHub: Sendable {
    private struct State {
        /// Nil once the relay closes.
        var core: RelayCore?
        var outlets: [ConnectionID: Outlet] = [:]
        var lastNumber: UInt64 = 0

        mutating func run<Value>(_ body: (inout RelayCore) -> Value) -> Value? {
            core.mutate(body)
        }
    }

    /// Takes events to a connection, in order; called under the lock.
    package typealias Outlet = @Sendable (Push.Event) -> Void

    private let state: Guarded<State>
    private let clock: @Sendable () -> Int64

    /// Takes over `core`; `clock` tells Unix time in seconds.
    package init(core: sending RelayCore, clock: @escaping @Sendable () -> Int64) {
        state = Guarded(State(core: core))
        self.clock = clock
    }

    /// Lets a connection from `address` in; nil if there are `limit` already or the relay is closing.
    package func connect(address: [UInt8], limit: Int, outlet: @escaping Outlet) -> ConnectionID? {
        state.withLock { state in
            guard state.core != nil, state.outlets.count < limit else {
                state.core?.counters.refuse(.connections)
                return nil
            }
            state.lastNumber += 1
            let connection = ConnectionID(number: state.lastNumber)
            state.core?.connect(connection, address: address)
            state.outlets[connection] = outlet
            return connection
        }
    }

    /// The connection is gone.
    package func disconnect(_ connection: ConnectionID) {
        state.withLock { state in
            state.outlets[connection] = nil
            for push in state.run({ $0.disconnect(connection) }) ?? [] { state.outlets[push.connection]?(push.event) }
        }
    }

    /// Runs a command of `connection`. Pushes to others are on their way when this returns; its own are in the outcome.
    package func perform(
        _ connection: ConnectionID, _ command: @Sendable (inout RelayCore, _ now: Int64) -> Outcome
    ) -> Outcome {
        let now = clock()
        return state.withLock { state in
            guard var outcome = state.run({ command(&$0, now) }) else { return .refused(.storage) }
            if outcome.pushes.isEmpty { return outcome }
            // With a window messages of one queue come from two sides, SEND and ACK: they go one way, so that none overtakes.
            let isWindowed = (state.core?.window(of: connection) ?? 1) > 1
            for push in outcome.pushes where push.connection != connection || isWindowed {
                state.outlets[push.connection]?(push.event)
            }
            outcome.pushes.removeAll { $0.connection != connection || isWindowed }
            return outcome
        }
    }

    /// The connection takes several unacknowledged messages of a queue at a time.
    func open(_ connection: ConnectionID, window: Int) {
        state.withLock { $0.core?.open(connection, window: window) }
    }

    /// The connection takes no more messages for now.
    func pause(_ connection: ConnectionID) {
        state.withLock { $0.core?.pause(connection) }
    }

    /// The connection takes messages again; the first ones that waited are on their way. Whether more wait.
    func resume(_ connection: ConnectionID) -> Bool {
        let now = clock()
        return state.withLock { state in
            let pushes = state.run { $0.resume(connection, now: now).pushes }
            for push in pushes ?? [] { state.outlets[push.connection]?(push.event) }
            return state.core?.hasWaiting(connection) ?? false
        }
    }

    /// Looks something up; nil if the relay is closing.
    package func look<Value: Sendable>(_ body: @Sendable (inout RelayCore) -> Value) -> Value? {
        state.withLock { $0.run(body) }
    }

    /// One turn of upkeep: old messages, idle queues, what the records have put off. The error, for the log.
    package func maintain() -> RelayError? {
        let now = clock()
        return state.withLock { state in
            let outcome = state.run { core in
                var outcome = core.sweep(64, now: now)
                do throws(RelayError) { try core.store.flush(day: day(now)) } catch { outcome.failure = error }
                return outcome
            }
            for push in outcome?.pushes ?? [] { state.outlets[push.connection]?(push.event) }
            return outcome?.failure
        }
    }

    /// Closes the store; later commands are refused.
    package func close() {
        let now = clock()
        state.withLock { state in
            state.core?.store.close(day: day(now))
            state.core = nil
        }
    }
}

extension Optional {
    /// Changes the value in place, if there is one.
    fileprivate mutating func mutate<Result>(_ body: (inout Wrapped) -> Result) -> Result? {
        switch consume self {
        case .some(var value):
            self = nil
            defer { self = .some(value) }
            return body(&value)
        case .none:
            self = nil
            return nil
        }
    }
}
