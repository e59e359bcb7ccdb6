// Uploads a file in parts with the AWS SDK, which sends each to its presigned URL.
import { readFile } from 'node:fs/promises'
import { S3Client, UploadPartCommand } from '@aws-sdk/client-s3'

const [api, cookie, file] = process.argv.slice(2)

async function call(method, path, body) {
  const headers = { Cookie: cookie, 'Content-Type': 'application/json' }
  const response = await fetch(api + path, { method, headers, body: JSON.stringify(body ?? {}) })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return (await response.json()).data
}

const content = await readFile(file)
const media = await call('POST', '/api/media', {
  title: 'A film', mediaType: 'video', mimeType: 'video/mp4', fileSizeBytes: content.length,
})
const path = `/api/media/${media.id}/multipart`
const upload = await call('POST', path)
const parts = []
for (let number = 1; number <= upload.partCount; number++) {
  const signed = (await call('POST', `${path}/${upload.uploadId}/parts`, { partNumbers: [number] })).parts[0]
  const address = new URL(signed.presignedUrl)
  const [bucket, ...key] = address.pathname.slice(1).split('/')
  const client = new S3Client({
    region: 'auto',
    endpoint: address.origin,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    // The platform has signed the request; the program has no credentials.
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
    signer: {
      sign: async request => {
        for (const name of Object.keys(request.headers)) {
          if (name.toLowerCase().startsWith('x-amz-')) delete request.headers[name] // not among the signed ones
        }
        return Object.assign(request, { query: Object.fromEntries(address.searchParams) })
      },
    },
  })
  const start = (number - 1) * upload.partSize
  const sent = await client.send(new UploadPartCommand({
    Bucket: bucket, Key: key.join('/'), UploadId: address.searchParams.get('uploadId'), PartNumber: number,
    Body: content.subarray(start, start + signed.size),
  }))
  parts.push({ partNumber: number, etag: sent.ETag })
}
await call('POST', `${path}/${upload.uploadId}/complete`, { parts })
console.log(media.id)
