import ChatProtocol
import Primitives

func checkChat(_ bytes: [UInt8]) {
    let input = slice(bytes)
    var event: ChatEvent?
    do {
        let message = try ChatMessage(parsing: input)
        expect(message.encoded() == bytes, "prints otherwise")
        let bodies = message.parts.reduce(0) { $0 + ($1.body?.count ?? 0) }
        expect(bodies <= bytes.count, "bodies longer than the message")
        checkHashes(message)
        checkParents(message)
        event = try? ChatEvent(message)
        if let event { checkEvent(event, id: message.id) }
    } catch {
        checkOffset(error, count: bytes.count)
    }
    checkChunk(input, event: event)
}

private func checkOffset(_ error: ChatProtocolError, count: Int) {
    switch error {
    case .malformed(_, let offset), .numberTooLarge(_, let offset), .trailingBytes(let offset):
        expect(offset <= count, "\(error)")
    case .bodyIncomplete(_, let size, let available):
        expect(Int64(available) < size && available <= count, "\(error)")
    case .messageTooLong, .headerTooLong, .tooMany: break
    case .missing, .invalid, .json: expect(false, "\(error) from the grammar")
    }
}

private func checkHashes(_ message: ChatMessage) {
    let digest: (ArraySlice<UInt8>) -> [UInt8] = { SHA256.hash($0) }
    let hashed = message.hashed(by: digest)
    expect(hashed.damagedPart(by: digest) == nil, "damaged right after hashing")
    // The hashes may make it too long.
    guard let again = try? ChatMessage(parsing: hashed.encoded()) else { return }
    expect(again == hashed, "hashed message reads otherwise")
}

private func checkParents(_ message: ChatMessage) {
    for case let body? in message.parts.map(\.body) {
        guard let parents = MessageParent.list(body) else { continue }
        expect(MessageParent.encode(parents) == Array(body), "parents print otherwise")
    }
}

/// What an event prints is read as the same event. The first print may sort and drop, the second must not differ.
private func checkEvent(_ event: ChatEvent, id: Int64?) {
    guard let printed = try? event.message(id: id) else { return }
    do {
        let message = try ChatMessage(parsing: printed.encoded())
        expect(message == printed, "\(event.name) prints no message of its own")
        let again = try ChatEvent(message)
        expect(again.name == event.name, "\(event.name) is read as \(again.name)")
        let twice = try again.message(id: id)
        expect(twice.encoded() == printed.encoded(), "\(event.name) prints otherwise the second time")
        guard case .memberNew = event else {
            expect(again == event, "\(event.name) is read otherwise")
            return
        }
    } catch {
        expect(false, "\(event.name) prints what is refused: \(error)")
    }
}

/// The quick way to a chunk and the grammar agree.
private func checkChunk(_ input: ArraySlice<UInt8>, event: ChatEvent?) {
    if let (chunk, offset) = FileChunk.parseHeader(input) {
        expect(offset <= input.count && chunk.length <= ChatLimits.chunk, "a chunk's header beyond its bounds")
        expect(chunk.header == Array(input.prefix(offset)), "a chunk's header prints otherwise")
    }
    let parsed = FileChunk.parse(input)
    if let (chunk, body) = parsed {
        guard case .fileChunk(let other, let otherBody)? = event else {
            expect(false, "a chunk that is none by the grammar")
            return
        }
        expect(chunk == other && body == otherBody, "a chunk reads otherwise by the grammar")
    } else if case .fileChunk(let chunk, let body)? = event {
        let plain = chunk.header + body
        expect(Array(input) != plain && Array(input) != plain + [0x20], "a plain chunk is not read the quick way")
    }
}

func checkJSON(_ bytes: [UInt8]) {
    let input = slice(bytes)
    do {
        let value = try JSONValue(parsing: input)
        let printed = value.encoded()
        do {
            // Escapes may print longer than they were read.
            let again = try JSONValue(parsing: printed, limit: .max)
            expect(again == value && again.encoded() == printed, "JSON reads otherwise")
        } catch {
            expect(false, "JSON prints what is refused: \(error)")
        }
    } catch .json(_, let offset) {
        expect(offset <= max(bytes.count, ChatLimits.json), "a fault behind the end")
    } catch {
        expect(false, "\(error) from JSON")
    }
    guard let offer = try? FileOffer(parsing: input) else { return }
    let printed = offer.encoded()
    do { expect(try FileOffer(parsing: printed[...]) == offer, "an offer reads otherwise") } catch {
        expect(printed.count > ChatLimits.offerJSON, "an offer prints what is refused: \(error)")
    }
}
