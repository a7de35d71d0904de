import ChatProtocol
import GroupCore
import Testing

/// What the agent link does with actions: connections are made once by name, messages keep their order.
extension World {
    mutating func carryOut(_ action: GroupAction, of node: Int) throws {
        switch action {
        case .makeInvitation(let connection):
            if nodes[node].connections[connection] == nil { nodes[node].connections[connection] = .made }
            guard nodes[node].connections[connection] == .made else { return }
            let link = "link, \(node) \(connection)"
            links[link] = (node, connection)
            enqueue(.group(node, connection), .input(.invitationMade(connection, link: link)))
        case .join(let connection, let link, let info):
            guard nodes[node].connections[connection] == nil else { return }
            nodes[node].connections[connection] = .joined
            let target = try #require(links[link])
            guard nodes[target.node].connections[target.connection] == .made else { return }
            // The two names are each other's mirror.
            #expect(ids[connection.member] == target.node && ids[target.connection.member] == node)
            #expect(connection.kind == target.connection.kind)
            let event = try travel(GroupMessage(info), node, target.node, "+", connection)
            enqueue(
                .group(target.node, target.connection),
                .input(.confirmation(target.connection, try ChatEvent(parsing: event[...]))))
        case .allow(let connection, let info):
            guard nodes[node].connections[connection] == .made else { return }
            nodes[node].connections[connection] = .allowed
            let (peer, mirror) = try other(node, connection)
            let event = try travel(GroupMessage(info), node, peer, "+", connection)
            enqueue(.group(node, connection), .input(.connected(connection, nil)))
            enqueue(
                .group(peer, mirror), .input(.connected(mirror, try ChatEvent(parsing: event[...]))))
        case .send(let connection, let message):
            let (peer, mirror) = try other(node, connection)
            let bytes = try travel(message, node, peer, "", connection)
            guard nodes[node].connections[connection] == .connected else { return }
            if nodes[peer].connections[mirror] != .closed {
                enqueue(.group(peer, mirror), .message(mirror, bytes))
            }
        case .sendToContact(let contact, let event):
            let bytes = try travel(GroupMessage(event), node, Int(contact), "", nil)
            enqueue(.contact(Int(contact), Int64(node)), .contact(Int64(node), bytes))
        case .close(let connection):
            nodes[node].connections[connection] = .closed
            queues[.group(node, connection)] = nil
        case .merge(let member, let contact): nodes[node].merges[member] = contact
        case .tell(let notice): nodes[node].notices.append(notice)
        case .refuse(let refusal): nodes[node].refusals.append(refusal)
        }
    }

    private mutating func enqueue(_ channel: Channel, _ arrival: Arrival) {
        order += 1
        queues[channel, default: []].append((order, arrival))
    }

    private func other(_ node: Int, _ connection: GroupConnection) throws -> (Int, GroupConnection) {
        let peer = try #require(ids[connection.member])
        let mirror = GroupConnection(
            member: try #require(try machine(node)).me.id, introducer: connection.introducer, kind: connection.kind)
        return (peer, mirror)
    }

    /// Through the grammar and back.
    private mutating func travel(
        _ message: GroupMessage, _ from: Int, _ to: Int, _ mark: String, _ connection: GroupConnection?
    ) throws -> [UInt8] {
        let bytes = try message.message().encoded()
        let parsed = try ChatMessage(parsing: bytes)
        #expect(parsed.encoded() == bytes)
        #expect(try ChatEvent(parsed) == message.event)
        let kind =
            switch connection?.kind {
            case .none: ""
            case .group: "g"
            case .direct: "d"
            }
        trace.append("\(from)>\(to)\(kind) \(mark)\(message.event.name)")
        wire.append(bytes)
        return bytes
    }
}
