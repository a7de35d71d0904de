import DoubleRatchet
import SMPProtocol
import WireFormat

func checkLink(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if let server = try? SMPServer(text) {
        let again = must("an address") { try SMPServer(server.description) }
        expect(again == server && again.password == server.password, "an address reads otherwise")
        expect(again.description == server.description, "an address prints otherwise")
        expect(server.port != 0, "an address with port 0")
        checkBinary(server)
    }
    if let queue = try? QueueURI(text) {
        checkQueue(queue)
    }
    if let link = try? ConnectionLink(text) {
        let again = must("a link") { try ConnectionLink(link.description) }
        expect(again == link && again.description == link.description, "a link reads otherwise")
        let queues =
            switch link {
            case .invitation(let queues, let parameters, _):
                {
                    checkParameters(parameters)
                    return queues
                }()
            case .contact(let queues, _): queues
            }
        for queue in queues { checkQueue(queue) }
    }
    checkParameters(text)
}

private func checkQueue(_ queue: QueueURI) {
    let again = must("a queue") { try QueueURI(queue.text) }
    expect(again == queue && again.text == queue.text, "a queue reads otherwise")
    checkBinary(queue.server)
}

private func checkBinary(_ server: SMPServer) {
    var writer = WireWriter()
    server.write(&writer)
    var reader = WireReader(writer.bytes)
    let again = must("an address in binary") { try SMPServer(&reader) }
    expect(reader.isAtEnd && again == server, "an address reads otherwise in binary")
}

private func checkParameters(_ text: String) {
    guard let parameters = try? E2EParameters(text: text) else { return }
    let again = must("keys as text") { try E2EParameters(text: parameters.text) }
    expect(again == parameters, "keys read otherwise as text")
    checkBinary(parameters)
}

private func checkBinary(_ parameters: E2EParameters) {
    let again = must("keys in binary") { try E2EParameters(decoding: slice(parameters.encoded())) }
    expect(again == parameters, "keys read otherwise in binary")
}

func checkAgent(_ bytes: [UInt8]) {
    if let envelope = try? AgentEnvelope(slice(bytes)) {
        expect(envelope.encoded() == bytes, "an envelope prints otherwise")
        switch envelope {
        case .confirmation(_, let parameters?, _), .ratchetKey(_, let parameters, _):
            if let parameters = try? E2EParameters(decoding: parameters) {
                checkBinary(parameters)
                checkParameters(parameters.text)
            }
        case .confirmation, .message: break
        case .invitation(_, let link, _): _ = try? ConnectionLink(link)
        }
    }
    guard let message = try? AgentMessage(slice(bytes)) else { return }
    if case .confirmationWithQueues(let queues, _) = message {
        for queue in queues { checkBinary(queue.address.server) }
        // In version 3 nothing tells the letter of a mode from what follows it.
        if queues.contains(where: { $0.version == 3 }) { return }
    }
    let again = must("an agent message") { try AgentMessage(slice(message.encoded())) }
    expect(again == message, "an agent message reads otherwise")
}
